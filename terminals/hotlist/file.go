package hotlist

import (
	"fmt"
	"maps"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/kept"
)

// magic begins a file of entries.
const magic = "CITYHOT1"

// Open reads the list that is kept in a file. It is empty where there is none. With
// kept.ErrDamaged it is empty too and can be used.
func Open(path string) (*List, error) {
	l := &List{path: path, cards: map[keys.Digits]*message.HotlistEntry{}}
	entries, err := kept.Read[message.HotlistEntry](path, magic)
	if err != nil {
		return l, fmt.Errorf("hotlist: %w", err)
	}
	if err := l.Apply(entries...); err != nil {
		return l, fmt.Errorf("hotlist: %w", kept.Damaged(path, err))
	}
	return l, nil
}

// Save puts the list in its file, on disk. A crash leaves the old file or the new one.
func (l *List) Save() error {
	if err := kept.Write(l.path, magic, l.entries); err != nil {
		return fmt.Errorf("hotlist: %w", err)
	}
	return nil
}

// entries yields what is known of each card. Cards are checked meanwhile, and while the disk syncs.
func (l *List) entries(yield func(*message.HotlistEntry) bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	maps.Values(l.cards)(yield)
}
