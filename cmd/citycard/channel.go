package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/registry"
	"citycard/clearing/transit/load"
	"citycard/cmd/service"
	"citycard/ledger"
)

// channelTokens is where the channels' tokens are in a data directory: ID.sha256, by
// which serve knows a channel, and ID.token, which is handed to the channel and may be
// removed then.
const channelTokens = "channels"

// channelTokens reads the hashes of the registered channels' tokens. In the data
// directory's own place missing ones are made; in one that was named a channel without
// a hash is allowed nothing.
func (c *center) channelTokens(named, data string) (load.Tokens, error) {
	dir := named
	if dir == "" {
		dir = filepath.Join(data, channelTokens)
	}
	tokens := load.Tokens{}
	for _, channel := range c.registry.Current().Channels() {
		hash, err := readTokenHash(dir, channel.ID)
		if errors.Is(err, fs.ErrNotExist) && named == "" {
			hash, err = makeToken(dir, channel.ID)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, service.Fail("cannot use the channels' tokens / 渠道令牌不可用", "correct --channel-tokens, or make the channel's anew with citycard channel token", err)
		}
		tokens[channel.ID] = hash
	}
	return tokens, nil
}

func readTokenHash(dir, channel string) (load.TokenHash, error) {
	data, err := os.ReadFile(filepath.Join(dir, channel+".sha256"))
	if err != nil {
		return load.TokenHash{}, err
	}
	hash, err := load.ParseTokenHash(string(data))
	if err != nil {
		return hash, fmt.Errorf("channel %s: %w", channel, err)
	}
	return hash, nil
}

// makeToken makes a channel's token. Its hash comes last: a channel that has one has
// a token.
func makeToken(dir, channel string) (load.TokenHash, error) {
	token := load.NewToken()
	hash := load.HashToken(token)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return hash, err
	}
	for _, file := range []struct{ name, text string }{{channel + ".token", token}, {channel + ".sha256", hash.String()}} {
		path := filepath.Join(dir, file.name)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return hash, err
		}
		if err := writeSecret(path, []byte(file.text+"\n")); err != nil {
			return hash, err
		}
	}
	return hash, nil
}

func channelCommand() *ffcli.Command {
	l, flags := newLook("channel token")
	channel := flags.String("channel", "", "the channel's `ID`, which the registry has / 渠道")
	dir := flags.String("channel-tokens", "", "`directory` of the channels' tokens; empty: "+channelTokens+" in the data directory / 渠道令牌目录")
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
				*dir = filepath.Join(l.Data, channelTokens)
			}
			if _, err := makeToken(*dir, *channel); err != nil {
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
