package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/registry"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func channelCommand() *ffcli.Command {
	return group("channel", "what top-up channels prove themselves by", "", channelTokenCommand())
}

func channelTokenCommand() *ffcli.Command {
	c := newCommand("channel token", "--channel ID", "replace a channel's token",
		"Writes ID.token, for the channel alone, and ID.sha256, by which citycard serve knows it from its next start on.\n"+
			"The token before ends then.")
	c.registerJSON("print for machines")
	c.registerDry(&c.dry)
	channel := c.flags.String("channel", "", "the channel's `ID`, which the registry has")
	dir := c.flags.String("channel-tokens", "", "`directory` of the channels' tokens; empty: "+server.ChannelTokens+" in the data directory")
	c.check = func() error {
		if *channel == "" {
			return language.Textf("--channel is missing: want a channel's id")
		}
		return nil
	}
	return c.opens(books.ToRead, func(ctx context.Context, b *books.Books) error {
		if err := registered(ctx, b.Ledger, *channel); err != nil {
			return err
		}
		if *dir == "" {
			*dir = filepath.Join(c.Data, server.ChannelTokens)
		}
		if _, err := server.MakeToken(*dir, *channel, c.dry); err != nil {
			return service.Fail("no token was made").Todo("check the directory").Because(err)
		}
		path := filepath.Join(*dir, *channel+".token")
		if c.asJSON {
			return writeJSON(os.Stdout, map[string]string{"channel": *channel, "token_file": path})
		}
		c.Print("%s; serve takes it up at its next start", path)
		return nil
	})
}

// registered refuses a channel that the registry does not have: its token would look valid, but
// would give no access.
func registered(ctx context.Context, books *ledger.Ledger, channel string) error {
	edition, err := registry.NewStore(books.Pool()).Load(ctx)
	if err != nil && !errors.Is(err, registry.ErrEmpty) {
		return err
	}
	var ids []string
	if err == nil {
		for _, c := range edition.Channels() {
			if ids = append(ids, c.ID); c.ID == channel {
				return nil
			}
		}
	}
	return service.Refuse("channel %q is not registered; no token was made", channel).Todo("registered are: %s", strings.Join(ids, ", "))
}
