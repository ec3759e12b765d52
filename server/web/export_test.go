package web

// ReadAll reads every page.
func (p *Pages) ReadAll() error {
	for _, read := range p.pages {
		if _, err := read(); err != nil {
			return err
		}
	}
	return nil
}
