package keys

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
)

// maxOlder is how many generations a store keeps beside the one in use.
const maxOlder = 15

// generation is one set of masters. Cards keep the keys that they were made with, and answer
// their version; so a store keeps the masters of all cards that are out.
type generation struct {
	version byte
	masters [roleEnd]Key
}

// Rotate returns the store with new masters for the keys of transit cards, under the next version:
// cards made from now on have keys of that version; cards made before are served as before. So
// is the key of persons' data new, and what older keys sealed can still be opened. The masters of
// social-security cards stay, since nothing in their dialogue names a version, and so does that of
// tokens, which must not change. It fails after 15 rotations.
func (s *Store) Rotate(rand io.Reader) (*Store, error) {
	if len(s.older) == maxOlder || s.current.version == math.MaxUint8 {
		return nil, errors.New("rotate masters: no room for another generation")
	}
	c := *s
	c.older = append([]generation{s.current}, s.older...)
	c.current.version++
	for r := Role(1); r < roleEnd; r++ {
		if !r.Rotates() {
			continue
		}
		if _, err := io.ReadFull(rand, c.current.masters[r][:]); err != nil {
			return nil, fmt.Errorf("rotate master %d: %w", r, err)
		}
	}
	return &c, nil
}

// generation returns the masters of a version, or nil.
func (s *Store) generation(version byte) *generation {
	if s.current.version == version {
		return &s.current
	}
	for i := range s.older {
		if s.older[i].version == version {
			return &s.older[i]
		}
	}
	return nil
}

// mastersFile are the masters of a generation as the file has them.
type mastersFile map[int]string

func (g *generation) file() mastersFile {
	f := mastersFile{}
	for r := Role(1); r < roleEnd; r++ {
		f[int(r)] = hex.EncodeToString(g.masters[r][:])
	}
	return f
}

// generation reads them; errors never quote a key.
func (f mastersFile) generation(version byte) (generation, error) {
	if len(f) != int(roleEnd)-1 {
		return generation{}, fmt.Errorf("%w: version %d with %d masters", ErrStoreFormat, version, len(f))
	}
	g := generation{version: version}
	for r := Role(1); r < roleEnd; r++ {
		b, err := hex.DecodeString(f[int(r)])
		if err != nil || len(b) != len(Key{}) {
			return generation{}, fmt.Errorf("%w: master %d of version %d", ErrStoreFormat, r, version)
		}
		g.masters[r] = Key(b)
	}
	return g, nil
}
