package main

import (
	"context"

	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

type configShow struct{}

func (*configShow) Help() string {
	return "Later sources win: defaults, the file, the environment, flags. Secrets are not shown."
}

func (*configShow) Run(ctx context.Context, p *program) error {
	c, err := p.settings(nil)
	if err != nil {
		return err
	}
	values := c.Values()
	var rows [][]string
	for _, v := range values {
		rows = append(rows, []string{v.Key, config.Format(v.Value), v.Source})
	}
	return p.print(table(exchange.List[config.Value]{Items: values}, "", []string{"KEY", "VALUE", "FROM"}, rows))
}
