package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/registry"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

func channelCommand() *ffcli.Command {
	l, flags := newLook("channel token")
	channel := flags.String("channel", "", "the channel's `ID`, which the registry has / 渠道")
	dir := flags.String("channel-tokens", "", "`directory` of the channels' tokens; empty: "+server.ChannelTokens+" in the data directory / 渠道令牌目录")
	token := &ffcli.Command{
		Name: "token", ShortUsage: "citycard channel token --channel ID [flags]", ShortHelp: "make a channel's token anew / 更换渠道令牌",
		LongHelp: "Writes ID.token, for the channel alone, and ID.sha256, by which citycard serve knows it from its next start on.\n" +
			"The token before ends then.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if *channel == "" {
				return service.Exit(service.ExitUsage, errors.New("--channel is missing: want a channel's id / 缺少渠道"))
			}
			if err := l.books(ctx, args, func(books *ledger.Ledger) error { return registered(ctx, books, *channel) }); err != nil {
				return err
			}
			if *dir == "" {
				*dir = filepath.Join(l.Data, server.ChannelTokens)
			}
			if _, err := server.MakeToken(*dir, *channel); err != nil {
				return service.Fail("no token was made / 未生成令牌", "check the directory", err)
			}
			path := filepath.Join(*dir, *channel+".token")
			if l.asJSON {
				return json.NewEncoder(os.Stdout).Encode(map[string]string{"channel": *channel, "token_file": path})
			}
			fmt.Printf("%s; serve takes it up at its next start / 重启 serve 后生效\n", path)
			return nil
		},
	}
	return &ffcli.Command{
		Name: "channel", ShortUsage: "citycard channel token [flags]", ShortHelp: "what top-up channels prove themselves by / 渠道令牌",
		FlagSet: flag.NewFlagSet("citycard channel", flag.ContinueOnError), Subcommands: []*ffcli.Command{token},
		Exec: func(context.Context, []string) error { return flag.ErrHelp },
	}
}

// registered refuses a channel that the registry does not have: its token would open nothing,
// and look as if it did.
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
	return service.Refuse(fmt.Sprintf("channel %q is not registered; no token was made / 渠道未登记,未生成令牌", channel),
		"registered are: "+strings.Join(ids, ", "), nil)
}
