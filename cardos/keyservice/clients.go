package keyservice

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"golang.org/x/time/rate"

	"citycard/language"
)

// Fingerprint is the SHA-256 of a certificate.
type Fingerprint [sha256.Size]byte

// FingerprintOf is that of a certificate.
func FingerprintOf(c *x509.Certificate) Fingerprint { return sha256.Sum256(c.Raw) }

// Clients are the programs that may ask, by their certificates.
type Clients struct {
	by     map[Fingerprint]*client
	centre []ed25519.PublicKey // by one of which the clearing centre signs permits
}

// client is one of them.
type client struct {
	name    string
	may     []Operation
	limiter *rate.Limiter
}

// clientsFile is the clients' file: JSON.
type clientsFile struct {
	Clients []struct {
		Name        string      `json:"name"`
		Certificate string      `json:"certificate"` // SHA-256 of it, in hexadecimal digits
		Operations  []Operation `json:"operations"`
		Rate        float64     `json:"rate"` // operations a second
	} `json:"clients"`
	// Centre are the clearing centre's public keys, in hexadecimal digits.
	Centre []string `json:"centre"`
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
		names[c.Name] = true
		burst := int(math.Ceil(c.Rate))
		clients.by[Fingerprint(sum)] = &client{c.Name, c.Operations, rate.NewLimiter(rate.Limit(c.Rate), burst)}
	}
	return clients, clients.parseCentre(f.Centre)
}

// parseCentre reads the centre's keys.
func (c *Clients) parseCentre(centre []string) error {
	for _, text := range centre {
		key, err := hex.DecodeString(text)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return language.Textf("centre: %.70q is no public key, want 64 hexadecimal digits", text)
		}
		c.centre = append(c.centre, key)
	}
	return nil
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
