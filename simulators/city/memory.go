package city

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"citycard/cardos/chip"
	"citycard/durable"
	"citycard/simulators/truth"
)

// patientFile holds each person's medical benefits of the year so far.
const patientFile = "patients.json"

// memory is what a city keeps from earlier days: SAMs continue their sequences, and a fund's
// payments of the year count against its ceiling.
type memory struct {
	sams     map[[6]byte][]byte // images, by terminal number
	patients map[int]truth.Patient
	torn     map[int]torn // by the card's place in the city
}

func recall(dir string) (memory, error) {
	m := memory{sams: map[[6]byte][]byte{}, patients: map[int]truth.Patient{}}
	images, err := readImages(filepath.Join(dir, samFile))
	if err != nil && !errors.Is(err, errNoImages) {
		return m, err
	}
	if m.torn, err = recallTorn(dir); err != nil {
		return m, err
	}
	for _, image := range images {
		c, err := chip.Load(image)
		if err != nil {
			return m, fmt.Errorf("%s: %w", samFile, err)
		}
		module := c.Describe().Module
		if module == nil {
			return m, fmt.Errorf("%s holds a chip that is no SAM", samFile)
		}
		number, err := hex.DecodeString(module.Terminal)
		if err != nil || len(number) != 6 {
			return m, fmt.Errorf("%s: terminal number %q, want 12 digits", samFile, module.Terminal)
		}
		m.sams[[6]byte(number)] = image
	}
	data, err := os.ReadFile(filepath.Join(dir, patientFile))
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m.patients); err != nil {
		return m, fmt.Errorf("%s: %w", patientFile, err)
	}
	return m, nil
}

// remember saves cards, SAMs and patients.
func (d *day) remember(cards [][]byte) error {
	for _, l := range d.all() {
		for number, c := range l.field.sams {
			image, err := c.Image()
			if err != nil {
				return fmt.Errorf("SAM %x: %w", number, err)
			}
			d.memory.sams[number] = image
		}
		for _, h := range l.holders {
			if h.patient.Year != 0 {
				d.memory.patients[h.index] = h.patient
			}
		}
	}
	sams := make([][]byte, 0, len(d.memory.sams))
	for _, image := range d.memory.sams {
		sams = append(sams, image)
	}
	patients, err := json.Marshal(d.memory.patients)
	if err != nil {
		return err
	}
	return errors.Join(
		writeImages(filepath.Join(d.Dir, samFile), sams),
		durable.WriteFile(filepath.Join(d.Dir, patientFile), patients), d.rememberTorn(),
		writeImages(filepath.Join(d.Dir, ImageFile), cards),
	)
}
