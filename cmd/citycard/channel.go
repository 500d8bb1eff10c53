package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/load"
	"citycard/cmd/service"
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
	flags := flag.NewFlagSet("citycard channel token", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	channel := flags.String("channel", "", "the channel's `ID` / 渠道")
	dir := flags.String("channel-tokens", "", "`directory` of the channels' tokens; empty: "+channelTokens+" in the data directory / 渠道令牌目录")
	token := &ffcli.Command{
		Name: "token", ShortUsage: "citycard channel token --channel ID [flags]", ShortHelp: "make a channel's token anew / 更换渠道令牌",
		LongHelp: "Writes ID.token, for the channel alone, and ID.sha256, by which citycard serve knows it from its next start on.\n" +
			"The token before ends then.",
		FlagSet: flags,
		Exec: func(_ context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			if *channel == "" || strings.ContainsAny(*channel, `/\`) || strings.HasPrefix(*channel, ".") {
				return service.Exit(service.ExitUsage, fmt.Errorf("--channel %q: want a channel's id", *channel))
			}
			if *dir == "" {
				*dir = filepath.Join(common.Data, channelTokens)
			}
			if _, err := makeToken(*dir, *channel); err != nil {
				return service.Fail("no token was made / 未生成令牌", "check the directory", err)
			}
			fmt.Printf("%s; serve takes it up when it is started anew / 重启 serve 后生效\n", filepath.Join(*dir, *channel+".token"))
			return nil
		},
	}
	return &ffcli.Command{
		Name: "channel", ShortUsage: "citycard channel token [flags]", ShortHelp: "what top-up channels prove themselves by / 渠道令牌",
		FlagSet: flag.NewFlagSet("citycard channel", flag.ContinueOnError), Subcommands: []*ffcli.Command{token},
		Exec: func(context.Context, []string) error { return flag.ErrHelp },
	}
}
