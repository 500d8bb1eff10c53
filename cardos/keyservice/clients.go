package keyservice

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/time/rate"

	"citycard/cardos/keys"
	"citycard/language"
)

// Fingerprint is the SHA-256 of a certificate.
type Fingerprint [sha256.Size]byte

// FingerprintOf is that of a certificate.
func FingerprintOf(c *x509.Certificate) Fingerprint { return sha256.Sum256(c.Raw) }

// Clients are the programs that may ask, by their certificates.
type Clients struct{ by map[Fingerprint]*client }

// client is one of them.
type client struct {
	name    string
	may     []Operation
	limiter *rate.Limiter
	cards   []cardRange // that it may personalise
}

// cardRange are transit cards by the last sixteen digits of their numbers, the part of which keys
// are derived.
type cardRange struct{ from, to keys.Digits }

const numberDigits = 20

// parseRange reads "NUMBER-NUMBER".
func parseRange(text string) (r cardRange, ok bool) {
	first, last, _ := strings.Cut(text, "-")
	from, wrong := hex.DecodeString(first)
	to, wrongToo := hex.DecodeString(last)
	if wrong != nil || wrongToo != nil || len(first) != numberDigits || len(last) != numberDigits || strings.ContainsAny(text, "abcdefABCDEF") {
		return r, false
	}
	r = cardRange{keys.Digits(from[2:]), keys.Digits(to[2:])}
	return r, bytes.Compare(r.from[:], r.to[:]) <= 0
}

// mayMake reports whether the client may personalise a card. Of the keys of a social-security card
// no number is a part, and none of them moves money.
func (c *client) mayMake(card Card) bool {
	digits := card.Transit.Digits()
	return card.Kind == SocialSecurity || slices.ContainsFunc(c.cards, func(r cardRange) bool {
		return bytes.Compare(digits[:], r.from[:]) >= 0 && bytes.Compare(digits[:], r.to[:]) <= 0
	})
}

// clientsFile is the clients' file: JSON.
type clientsFile struct {
	Clients []struct {
		Name        string      `json:"name"`
		Certificate string      `json:"certificate"` // SHA-256 of it, in hexadecimal digits
		Operations  []Operation `json:"operations"`
		Rate        float64     `json:"rate"`  // operations a second
		Cards       []string    `json:"cards"` // that it may personalise, NUMBER-NUMBER
	} `json:"clients"`
}

const (
	maxName = 40
	maxRate = 1e6
)

// ParseClients reads a clients' file and checks all of it. Rates begin full: within a second a
// client may do at once as many operations as its rate says, and one at least.
func ParseClients(file []byte) (*Clients, error) {
	var f clientsFile
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, language.Textf("not a clients' file in JSON: %w", err)
	}
	if decoder.More() {
		return nil, language.Textf("more than one JSON value in the clients' file")
	}
	if len(f.Clients) == 0 {
		return nil, language.Textf("the clients' file names no client")
	}
	clients := &Clients{by: map[Fingerprint]*client{}}
	names := map[string]bool{}
	for i, c := range f.Clients {
		sum, err := hex.DecodeString(c.Certificate)
		switch {
		case c.Name == "" || len(c.Name) > maxName || !plain(c.Name):
			return nil, language.Textf("client %d: want a name of 1 to %d letters, digits, dots and dashes", i+1, maxName)
		case names[c.Name]:
			return nil, language.Textf("client %s is in the clients' file twice", c.Name)
		case err != nil || len(sum) != sha256.Size:
			return nil, language.Textf("client %s: want the certificate's SHA-256 in 64 hexadecimal digits", c.Name)
		case clients.by[Fingerprint(sum)] != nil:
			return nil, language.Textf("client %s has the certificate of %s", c.Name, clients.by[Fingerprint(sum)].name)
		case len(c.Operations) == 0:
			return nil, language.Textf("client %s may do nothing: name its operations", c.Name)
		case !(c.Rate > 0 && c.Rate <= maxRate):
			return nil, language.Textf("client %s: want a rate above 0 and at most 1000000 operations a second", c.Name)
		}
		for _, o := range c.Operations {
			if !slices.Contains(Operations(), o) {
				return nil, language.Textf("client %s: there is no operation %q, want some of %v", c.Name, o, Operations())
			}
		}
		var cards []cardRange
		for _, text := range c.Cards {
			r, ok := parseRange(text)
			if !ok {
				return nil, language.Textf("client %s: %q is no range of cards, want NUMBER-NUMBER of 20 digits each", c.Name, text)
			}
			cards = append(cards, r)
		}
		names[c.Name] = true
		burst := int(math.Ceil(c.Rate))
		clients.by[Fingerprint(sum)] = &client{c.Name, c.Operations, rate.NewLimiter(rate.Limit(c.Rate), burst), cards}
	}
	return clients, nil
}

func plain(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_' {
			return false
		}
	}
	return true
}

// Len is how many they are.
func (c *Clients) Len() int { return len(c.by) }

// Describe says what each client may, for people, sorted by name.
func (c *Clients) Describe() []string {
	var all []string
	for print, one := range c.by {
		all = append(all, fmt.Sprintf("%s sha256:%x %v %g/s", one.name, print[:4], one.may, float64(one.limiter.Limit())))
	}
	slices.Sort(all)
	return all
}
