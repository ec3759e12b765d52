package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/server/messages"
	"github.com/sallyport-auth/sallyport/server/web"
)

// renderer writes messages in the languages of the pages.
func (c *Config) renderer(pages *web.Pages) *messages.Renderer {
	return &messages.Renderer{Pages: pages, Service: c.name(), Host: c.base().Hostname()}
}

// carried reports whether somebody carries mails, and text messages.
func (c *Config) carried() (mail, sms bool) { return c.Mail.URL != "", c.SMS.URL != "" }

func (c *Config) checkMessages() error {
	var errs []error
	if err := c.Mail.Check(); err != nil {
		//lint:ignore ST1005 it begins with a name
		errs = append(errs, fmt.Errorf("Mail: %w", err))
	}
	if err := c.SMS.Check(); err != nil {
		errs = append(errs, fmt.Errorf("SMS: %w", err))
	}
	return errors.Join(errs...)
}

// messages returns what sends messages. Without a mail server they wait in the store;
// on loopback there is a page for them.
func (s *Server) messages(ctx context.Context, pages *web.Pages) ([]*outbox.Sender, error) {
	mail, _ := s.config.carried()
	if !mail && !s.config.ManageOnly && !s.config.showsMessages() {
		s.log().WarnContext(ctx, "no mail server is set up: mails wait until there is one, and those with a link or a code expire; set mail.url")
	}
	return messages.Senders(messages.Config{
		Store: s.config.Store, Sealer: s.sealer, Renderer: s.config.renderer(pages), Mail: s.config.Mail, SMS: s.config.SMS, Log: s.config.Log,
	})
}

// showsMessages reports whether messages that nobody carries are shown on a page: on
// this machine only.
func (c *Config) showsMessages() bool {
	mail, sms := c.carried()
	return c.local() && !(mail && sms)
}

// devMail mounts the page of messages where it may be.
func (s *Server) devMail(pages *web.Pages, rt *sallyport.Routes) {
	if s.config.showsMessages() {
		(&messages.DevHandler{
			Base: s.config.basePath(), Store: s.config.Store, Sealer: s.sealer, Renderer: s.config.renderer(pages), Pages: pages,
		}).Mount(rt)
	}
}
