package memory

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport-auth/sallyport/account/importer"
)

type imports struct{ *tx }

func (x imports) Put(_ context.Context, c importer.Checkpoint) error {
	if err := x.write(c.ID, c.Source, c.Format); err != nil {
		return fmt.Errorf("keeping checkpoint: %w", err)
	}
	if old, ok := x.state.imports.get(c.ID); ok {
		x.importUpdated.drop(old.UpdatedAt, c.ID)
		c.Source, c.Format, c.StartedAt = old.Source, old.Format, old.StartedAt
	}
	c.StartedAt, c.UpdatedAt, c.FinishedAt = ms(c.StartedAt), ms(c.UpdatedAt), optional(c.FinishedAt)
	kept, err := cloneCheckpoint(c)
	if err != nil {
		return err
	}
	x.state.imports.put(c.ID, &kept)
	x.importUpdated.add(c.UpdatedAt, c.ID)
	return nil
}

// cloneCheckpoint copies the report as a database would.
func cloneCheckpoint(c importer.Checkpoint) (importer.Checkpoint, error) {
	text, err := json.Marshal(c.Report)
	if err == nil {
		c.Report = importer.Report{}
		err = json.Unmarshal(text, &c.Report)
	}
	return c, err
}

func (x imports) Unfinished(_ context.Context, source, format string) (importer.Checkpoint, error) {
	for _, c := range x.state.imports.before("") {
		if c.Source == source && c.Format == format && c.FinishedAt.IsZero() {
			return cloneCheckpoint(*c)
		}
	}
	return importer.Checkpoint{}, nil
}

// remove removes one that was kept long enough.
func (x imports) remove(id string) {
	if c, ok := x.state.imports.get(id); ok {
		x.importUpdated.drop(c.UpdatedAt, id)
		x.state.imports.remove(id)
	}
}
