package intent

import (
	"slices"

	"citycard/clearing/message"
	"citycard/terminals/outbox"
)

// told is the intent as it is told to other lanes, in the form of topic intents.
func (i *intent) told() outbox.Local {
	value, _ := i.value(message.IntentState_INTENT_STATE_OPEN) // it was encoded before
	return outbox.Local{Key: i.key, Value: value}
}

// Share returns the intents that are open, and has the other lanes of the agent told at once when
// one opens or ends, in the form of topic intents. They need not wait for the topic, which may be
// away. tell is called after the book is let go, and may ask it.
func (b *Book) Share(tell func(key, value []byte)) (open []outbox.Local) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell = tell
	for _, i := range b.own {
		if i.shared() {
			open = append(open, i.told())
		}
	}
	return open
}

// share tells the news.
func (b *Book) share() {
	b.mu.Lock()
	tell, news := b.tell, b.news
	b.news = nil
	b.mu.Unlock()
	if tell == nil {
		return
	}
	for _, l := range news {
		tell(l.Key, l.Value)
	}
}

// Told takes what another lane of the same agent tells. It is Heard, except that an intent of this
// lane which is over ends on the disk at once, and on the topic too: the other lane's word may be
// there before that this one is open.
func (b *Book) Told(key, value []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.own, func(i *intent) bool { return i.is(key) && i.shared() })
	if len(value) > 0 || at < 0 {
		return b.hear(key, value)
	}
	i := b.own[at]
	if err := b.keep([]outbox.Local{i.end()}, i.untold()); err != nil {
		return err
	}
	b.drop(i)
	return nil
}
