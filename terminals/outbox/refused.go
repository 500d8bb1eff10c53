package outbox

import (
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Lesser is a topic whose records do not stop the others if the brokers do not take them: there is
// no such topic, or no right to write to it.
type Lesser struct {
	Topic string
	// Drop says that a refused record goes. Otherwise it goes behind the records that were appended
	// meanwhile and is sent again after a while, however often.
	Drop bool
	// Refused is told of the records that the brokers have not taken at a time.
	Refused func(records int, why error)
}

// refusedPause is how long refused records wait until they are sent again.
const refusedPause = time.Minute

// lesser are the topics of a Forward, and what has been refused of them.
type lesser struct {
	topics []Lesser
	pause  time.Duration
	shut   []string    // topics to which nothing is sent until again
	held   []Record    // before the cursor, after the position, and not sent
	again  *time.Timer // nil while nothing is shut
	fired  <-chan time.Time
}

func (s *lesser) topic(name string) *Lesser {
	at := slices.IndexFunc(s.topics, func(l Lesser) bool { return l.Topic == name })
	if at < 0 {
		return nil
	}
	return &s.topics[at]
}

// split says which records are sent now; the others are held.
func (s *lesser) split(records []Record) (now []Record) {
	if len(s.shut) == 0 {
		return records
	}
	for _, r := range records {
		if slices.Contains(s.shut, r.Topic) {
			s.held = append(s.held, r)
		} else {
			now = append(now, r)
		}
	}
	return now
}

// refuse takes the answers to records, and returns the first error that no lesser topic explains.
func (s *lesser) refuse(records []Record, answers []error) error {
	refused, why := map[string]int{}, map[string]error{}
	for i, r := range records {
		err := answers[i]
		if err == nil {
			continue
		}
		l := s.topic(r.Topic)
		if l == nil || !lasting(err) {
			return &sendError{r.Topic, err}
		}
		refused[r.Topic]++
		why[r.Topic] = err
		if l.Drop {
			continue
		}
		s.held = append(s.held, r)
		if !slices.Contains(s.shut, r.Topic) {
			s.shut = append(s.shut, r.Topic)
		}
	}
	for i := range s.topics {
		if l := &s.topics[i]; refused[l.Topic] > 0 && l.Refused != nil {
			l.Refused(refused[l.Topic], why[l.Topic])
		}
	}
	if len(s.shut) > 0 && s.again == nil {
		s.again = time.NewTimer(s.pause)
		s.fired = s.again.C
	}
	return nil
}

// reopen lets held records be sent again, and returns them.
func (s *lesser) reopen() (held []Record) {
	held = s.held
	s.stop()
	s.shut, s.held, s.again, s.fired = nil, nil, nil, nil
	return held
}

func (s *lesser) stop() {
	if s.again != nil {
		s.again.Stop()
	}
}

// lasting reports whether the brokers refuse a record for a reason that the next attempt meets too.
func lasting(err error) bool {
	return slices.ContainsFunc([]error{
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.TopicAuthorizationFailed, kerr.InvalidTopicException,
		kerr.MessageTooLarge, kerr.PolicyViolation, kerr.InvalidRecord,
	}, func(known error) bool { return errors.Is(err, known) })
}
