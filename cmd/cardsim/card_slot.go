package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"citycard/cardos/chip"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/simulators/city"
	"citycard/simulators/specimen"
	"citycard/simulators/vcard"
)

const defaultProfile = string(specimen.Transit)

// noImage stands for no image on a command line.
const noImage = "-"

// recipe is how new cards are made.
type recipe struct {
	dir      string // of images, where there is one
	date     string
	side     string
	macFirst bool
}

// place is the path of an image: in the data directory if there is one. cardsim writes nothing to a
// directory of citycard.
func (r recipe) place(image string) (string, error) {
	if image == "" || image == noImage {
		return "", nil
	}
	if r.dir != "" && !filepath.IsAbs(image) {
		return filepath.Join(r.dir, image), nil
	}
	if folder := filepath.Dir(image); service.Marked(folder, books.DataPurpose) {
		return "", service.Refuse("%s is a data directory of citycard", folder).Todo("name another place with --image")
	}
	return image, nil
}

// take opens the image, or makes a card where there is none; fresh tells which.
func (r recipe) take(ctx context.Context, profile, image string, seed uint64) (card *chip.Chip, fresh bool, err error) {
	if image != "" {
		card, err := city.OpenChip(image)
		if err == nil {
			return card, false, r.turn(card)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, false, service.Fail("card image not usable").Todo("give another file with --image").Because(err)
		}
	}
	if card, err = r.make(ctx, profile, seed); err != nil {
		return nil, false, err
	}
	card.ProveMACFirst(r.macFirst)
	return card, true, r.turn(card)
}

// make makes a new card: a specimen, or a blank one.
func (r recipe) make(ctx context.Context, profile string, seed uint64) (*chip.Chip, error) {
	switch profile {
	case "transit":
		return chip.NewTransit(seed), nil
	case "ssc":
		return chip.NewSocialSecurity(seed), nil
	case "blank-ssc-v1":
		return chip.NewSocialSecurityV1(seed), nil
	case "blank-dual":
		return chip.NewDual(seed), nil
	}
	kind := specimen.Kind(profile)
	if !specimen.Known(kind) {
		return nil, service.Fail("no card of profile %q", profile).Todo("give --profile %s, or for a blank one transit, ssc, blank-ssc-v1, blank-dual", strings.Trim(fmt.Sprint(specimen.Kinds()), "[]"))
	}
	date, err := time.Parse("20060102", r.date)
	if err != nil {
		return nil, err
	}
	return specimen.New(ctx, kind, seed, date)
}

// turn selects the requested interface of a card that has two.
func (r recipe) turn(card *chip.Chip) error {
	if r.side == "" {
		return nil
	}
	side := chip.Contactless
	if r.side == "contact" {
		side = chip.Contact
	}
	if err := card.Use(side); err != nil {
		return service.Fail("the card has no such interface").Todo("leave --interface out, or take --profile dual").Because(err)
	}
	return nil
}

// slot is a reader's slot and the card in it.
type slot struct {
	address string
	slot    *vcard.Slot
	card    *chip.Chip // nil when the slot is empty
	last    *chip.Chip // that was here last
	image   string     // of card, or of last
}

func (s *slot) insert(ctx context.Context, r recipe, profile, image string, seed uint64) error {
	if s.card != nil {
		return vcard.ErrOccupied
	}
	image, err := r.place(image)
	if err != nil {
		return err
	}
	card, fresh, err := r.take(ctx, profile, image, seed)
	if err != nil {
		return err
	}
	if image == "" {
		return s.put(ctx, card, "")
	}
	// From here on every change that the card has answered is stored, even if this program is
	// killed.
	if err := city.KeepChip(image, card); err != nil {
		return service.Fail("card image not written").Todo("give another file with --image").Because(err)
	}
	if err = s.put(ctx, card, image); err != nil && fresh {
		err = errors.Join(err, os.Remove(image)) // that card was never in a reader
	}
	return err
}

func (s *slot) put(ctx context.Context, card *chip.Chip, image string) error {
	if err := s.slot.Insert(ctx, card); err != nil {
		if errors.Is(err, vcard.ErrNoReader) {
			return service.Fail("no virtual reader at %s", s.address).Todo("start pcscd with vsmartcard-vpcd, or correct --vpcd").Because(err)
		}
		return err
	}
	s.card, s.image = card, image
	return nil
}

// back puts the card that was taken out last into the reader again.
func (s *slot) back(ctx context.Context) error {
	if s.card != nil {
		return vcard.ErrOccupied
	}
	if s.last == nil {
		return language.Textf("no card was taken out of this slot")
	}
	return s.put(ctx, s.last, s.image)
}

// remove takes the card out and saves it. It is no error if a torn card had left before.
func (s *slot) remove() error {
	if s.card == nil {
		return vcard.ErrEmpty
	}
	card := s.card
	s.card, s.last = nil, card
	err := s.slot.Remove()
	if errors.Is(err, chip.ErrPowerLost) {
		err = nil
	}
	card.PowerOff()
	if s.image == "" {
		return err
	}
	return errors.Join(err, city.SaveChip(s.image, card))
}

// tear makes the card lose its power at its next change.
func (s *slot) tear(when string) error {
	if s.card == nil {
		return vcard.ErrEmpty
	}
	switch when {
	case "before":
		s.card.LosePower(chip.BeforeCommit)
	case "after":
		s.card.LosePower(chip.AfterCommit)
	default:
		return language.Textf("tear %q: want before or after", when)
	}
	return nil
}
