package city

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"citycard/cardos/chip"
	"citycard/durable"
	"citycard/simulators/plan"
)

const dayLayout = "20060102"

// Files of chips in a data directory.
const (
	ImageFile = "cards.img" // the cards
	samFile   = "sams.img"  // the terminals' SAMs, after the first day
)

// Layout of the file, which is sealed: for each image its length, big-endian, and the image.
// In cards.img transit cards come first, in their order, then social-security
// cards. An image holds the chip's keys, as its memory does, so only the owner may read the file.
const (
	imageMagic = "CITYIMG1"
	imageLimit = 64 << 10 // of one image, bytes
)

// errNoImages says that nothing has been issued in the directory.
var errNoImages = errors.New("no cards have been issued here")

func writeImages(path string, images [][]byte) error {
	var b bytes.Buffer
	for i, image := range images {
		if len(image) == 0 || len(image) > imageLimit {
			return fmt.Errorf("image %d has %d bytes, want 1 to %d", i, len(image), imageLimit)
		}
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(image))))
		b.Write(image)
	}
	return plan.WriteSealed(path, imageMagic, b.Bytes())
}

// readImages reads what writeImages wrote; errors.Is(err, errNoImages) when there
// is nothing.
func readImages(path string) ([][]byte, error) {
	body, err := plan.ReadSealed(path, imageMagic)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, errNoImages)
	}
	if err != nil {
		return nil, err
	}
	var images [][]byte
	r := bytes.NewReader(body)
	for r.Len() > 0 {
		var length uint32
		if err := binary.Read(r, binary.BigEndian, &length); err != nil || length == 0 || length > imageLimit || int64(length) > int64(r.Len()) {
			return nil, fmt.Errorf("%s: image %d has no plausible length", path, len(images))
		}
		image := make([]byte, length)
		if _, err := io.ReadFull(r, image); err != nil {
			return nil, fmt.Errorf("%s: image %d: %w", path, len(images), err)
		}
		images = append(images, image)
	}
	return images, nil
}

// KeepChip makes a chip store its image in its own file, at each change and before the command is
// answered. The file is complete at any moment, even if the program is killed. If the machine loses
// its power, the changes since the last SaveChip may be lost, because waiting for the disk at each
// command would slow down every reader.
func KeepChip(path string, c *chip.Chip) error {
	return c.Keep(func(image []byte) error {
		return durable.Swap(path, image)
	})
}

// SaveChip writes one chip's image to a file of its own, replacing it whole.
func SaveChip(path string, c *chip.Chip) error {
	image, err := c.Image()
	if err != nil {
		return err
	}
	return durable.WriteFile(path, image)
}

// OpenChip reads what SaveChip wrote; errors.Is(err, os.ErrNotExist) when there
// is no such file.
func OpenChip(path string) (*chip.Chip, error) {
	image, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := chip.Load(image)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
