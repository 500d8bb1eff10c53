package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"io/fs"
	"os"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
)

// samWait is how long a SAM may take until it is in its slot; then the next one is tried, or the
// same one again.
const samWait = 2 * time.Second

// moduleFlags choose the SAM: one in a second reader, or for development one in
// software, made from the key file.
type moduleFlags struct {
	keyFlags
	reader   string
	terminal string
}

// register registers the choice of the SAM; the key file is the whole agent's.
func (m *moduleFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&m.reader, "sam", m.reader, "`READER` that holds the SAM")
	flags.StringVar(&m.terminal, "terminal", m.terminal, "terminal number of a software SAM, 12 `DIGITS`; development only, with --keys")
}

// seat is a SAM with its reader and card; a SAM in software has neither.
type seat struct {
	module *sam.Module
	reader *reader.Reader
	card   *reader.Card
	spare  string // the reader of one that is no lane's own
}

// watch ends a session when the SAM is taken out or its reader goes away.
func (s *seat) watch(ctx context.Context, end context.CancelCauseFunc) {
	if s.reader == nil {
		return
	}
	err := s.reader.WaitEmpty(ctx)
	if err == nil {
		err = reader.ErrCardGone
	}
	if ctx.Err() == nil {
		end(language.Textf("SAM: %w", err))
	}
}

// Close releases the SAM.
func (s *seat) Close() error {
	if s == nil || s.reader == nil {
		return nil
	}
	return errors.Join(s.card.Close(), s.reader.Close())
}

func (m *moduleFlags) open(ctx context.Context, readers *reader.Observer, image string) (*seat, error) {
	if m.reader == "" {
		soft, err := m.software(image)
		if err != nil {
			return nil, err
		}
		module, err := sam.Open(ctx, soft)
		return &seat{module: module}, err
	}
	return openSAM(ctx, readers, m.reader)
}

// openSAM opens the SAM in the reader of a name.
func openSAM(ctx context.Context, readers *reader.Observer, name string) (*seat, error) {
	rd, err := readers.Open(ctx, name)
	if err != nil {
		return nil, language.Textf("SAM: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, samWait)
	defer cancel()
	card, err := rd.WaitCard(wait)
	if err != nil {
		return nil, errors.Join(language.Textf("SAM: %w", err), rd.Close())
	}
	s := &seat{reader: rd, card: card}
	if s.module, err = sam.Open(ctx, card); err != nil {
		return nil, errors.Join(language.Textf("SAM: %w", err), s.Close())
	}
	return s, nil
}

// software opens the module kept in the image file, or makes it.
func (m *moduleFlags) software(image string) (*softModule, error) {
	terminal, err := hex.DecodeString(m.terminal)
	if err != nil || len(terminal) != 6 {
		return nil, service.Fail("no SAM").Todo("give --sam READER, or for development --keys FILE and --terminal with 12 digits").Because(err)
	}
	content, err := os.ReadFile(image)
	if errors.Is(err, fs.ErrNotExist) {
		store, err := m.keyFlags.open()
		if err != nil {
			return nil, err
		}
		soft := &softModule{chip: chip.NewPSAM([6]byte(terminal), store.SAMKeys()), path: image}
		soft.chip.PowerOn()
		return soft, soft.save()
	}
	if err != nil {
		return nil, err
	}
	c, err := chip.Load(content)
	if err != nil {
		return nil, service.Fail("the software SAM is damaged").Todo("use another --terminal and --data; its sequence numbers must not be used again").Because(err)
	}
	if module := c.Describe().Module; module == nil || module.Terminal != m.terminal {
		return nil, service.Fail("the data directory holds another SAM").Todo("use another --data, or the --terminal it was made with")
	}
	soft := &softModule{chip: c, path: image}
	if m.path != "" { // the store may have been rotated since
		store, err := m.keyFlags.open()
		if err != nil {
			return nil, err
		}
		c.Rekey(store.SAMKeys())
		if err := soft.save(); err != nil {
			return nil, err
		}
	}
	c.PowerOn()
	return soft, nil
}

// softModule is a SAM in software whose sequence number survives a crash: the number is on disk
// before it is given out, so that no number is used twice.
type softModule struct {
	chip *chip.Chip
	path string
}

const insInitializeSAM = 0x70

// Transmit implements apdu.Card.
func (s *softModule) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := s.chip.Transmit(ctx, command)
	if err != nil || len(command) < 2 || command[1] != insInitializeSAM {
		return answer, err
	}
	if err := s.save(); err != nil {
		return nil, err
	}
	return answer, nil
}

var _ apdu.Card = (*softModule)(nil)

// save replaces the image file as a whole.
func (s *softModule) save() error {
	image, err := s.chip.Image()
	if err != nil {
		return language.Textf("software SAM: %w", err)
	}
	if err := durable.WriteFile(s.path, image); err != nil {
		return language.Textf("software SAM: %w", err)
	}
	return nil
}
