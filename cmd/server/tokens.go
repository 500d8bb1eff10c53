package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/clearing/transit/load"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
)

// ChannelTokens is the folder of the channels' tokens in a data directory: ID.sha256, by which
// serve recognises a channel, and ID.token, which is given to the channel and may be removed after
// that.
const ChannelTokens = "channels"

// channelTokens reads the hashes of the registered channels' tokens. In the data directory's own
// folder missing tokens are made. In a named folder, a channel without a hash has no access.
func (s *Server) channelTokens(named, data string) (load.Tokens, error) {
	dir := named
	if dir == "" {
		dir = filepath.Join(data, ChannelTokens)
	}
	tokens := load.Tokens{}
	for _, channel := range s.Registry.Current().Channels() {
		hash, err := readTokenHash(dir, channel.ID)
		if errors.Is(err, fs.ErrNotExist) && named == "" {
			hash, err = MakeToken(dir, channel.ID, false)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, service.Fail("cannot use the channels' tokens").Todo("correct --channel-tokens, or replace the channel's token with citycard channel token").Because(err)
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
		return hash, language.Textf("channel %s: %w", channel, err)
	}
	return hash, nil
}

// MakeToken makes a channel's token. The hash is written last, so a channel with a hash also has a
// token. With dry it only checks whether there is a directory for them, or could be.
func MakeToken(dir, channel string, dry bool) (load.TokenHash, error) {
	token := load.NewToken()
	hash := load.HashToken(token)
	if dry {
		return hash, service.CheckDirectory(dir)
	}
	if err := durable.MkdirAll(dir); err != nil {
		return hash, err
	}
	for _, file := range []struct{ name, text string }{{channel + ".token", token}, {channel + ".sha256", hash.String()}} {
		if err := durable.WriteFile(filepath.Join(dir, file.name), []byte(file.text+"\n")); err != nil {
			return hash, err
		}
	}
	return hash, nil
}
