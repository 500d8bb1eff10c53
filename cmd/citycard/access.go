package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people/access"
	"citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

func accessCommand() *ffcli.Command {
	return group("access", "by what units' systems prove themselves to the API",
		"A unit is KIND:ID of the registry, such as channel:counter. It sends a token with each request, or brings a TLS\n"+
			"certificate of its own. All processes of serve take an act up within five seconds.",
		accessIssueCommand(), accessListCommand(), accessRevokeCommand())
}

// actor is who does an act that takes one person, with a key, and why.
type actor struct {
	reason   string
	identity *identityFlags
}

func (a *actor) register(c *command) {
	c.flags.StringVar(&a.reason, "reason", "", "`text` that is kept with it")
	a.identity = c.registerIdentity()
}

func (a *actor) missing() error {
	if a.reason == "" {
		return language.Textf("--reason is missing: want why, in a few words")
	}
	return a.identity.check()
}

// credentialLine is a credential as it is printed.
type credentialLine struct {
	Number  int64        `json:"number"`
	Unit    string       `json:"unit"`
	Kind    access.Kind  `json:"kind"`
	Hash    string       `json:"sha256_begins"`
	Person  string       `json:"issued_by"`
	Issued  time.Time    `json:"issued"`
	Expires time.Time    `json:"expires"`
	Revoked *time.Time   `json:"revoked,omitempty"`
	State   access.State `json:"state"`
	Token   string       `json:"token,omitempty"` // only once, when it is issued
}

func credentialLineOf(c *access.Credential, zone *time.Location, now time.Time) credentialLine {
	line := credentialLine{
		Number: c.Number, Unit: string(c.Unit), Kind: c.Kind, Hash: c.Hash.String()[:2*access.Listed], Person: c.Person,
		Issued: c.Issued.In(zone), Expires: c.Expires.In(zone), State: c.State(now),
	}
	if !c.Revoked.IsZero() {
		revoked := c.Revoked.In(zone)
		line.Revoked = &revoked
	}
	return line
}

const credentialHeader = ">CREDENTIAL\tUNIT\tKIND\tSHA-256\tISSUED\tISSUED BY\tEXPIRES\tSTATE"

func (c credentialLine) cells(l language.Language) []string {
	return []string{
		strconv.FormatInt(c.Number, 10), c.Unit, kindWords(c.Kind, l), c.Hash, c.Issued.Format(time.DateTime), c.Person,
		c.Expires.Format(time.DateTime), stateWords(c.State, l),
	}
}

func kindWords(kind access.Kind, l language.Language) string {
	return l.Coded(string(kind), string(kind), map[access.Kind]string{access.Token: "令牌", access.Certificate: "证书"}[kind])
}

func stateWords(state access.State, l language.Language) string {
	words := map[access.State][2]string{
		access.InForce: {"in force", "有效"}, access.Expired: {"expired", "已到期"}, access.Revoked: {"revoked", "已吊销"},
		access.Odd: {"cannot be read", "无法读取"},
	}[state]
	return l.Choose(words[0], words[1])
}

func accessIssueCommand() *ffcli.Command {
	c := newCommand("access issue", "--unit KIND:ID --days N [--certificate FILE] [--out FILE] --identity FILE --reason TEXT", "let a unit's system in",
		"Makes a token and prints it this once, or writes it into a new file that only its owner may read; of the token only\n"+
			"its SHA-256 is kept. With --certificate the unit's own certificate counts instead, and no token is made. Credentials\n"+
			"that the unit has stay as they are: so a new one is handed over before the old one ends.")
	c.registerJSON("print for machines")
	unit := c.flags.String("unit", "", "who is let in: `KIND:ID` of the registry, such as channel:counter")
	var days int
	service.Whole(c.flags, &days, "days", 0, 0, "after how many days it ends, a `number`")
	certificate := c.flags.String("certificate", "", "`file` of the unit's certificate, PEM, in place of a token")
	out := c.flags.String("out", "", "new `file` for the token; empty: it is printed")
	var by actor
	by.register(c)
	c.check = func() error {
		switch {
		case *unit == "":
			return language.Textf("--unit is missing: want KIND:ID, such as channel:counter")
		case days == 0:
			return language.Textf("--days is missing: want after how many days it ends")
		case *certificate != "" && *out != "":
			return language.Textf("--out goes with a token, and with --certificate none is made")
		}
		return by.missing()
	}
	return c.asks(true, by.identity, func(ctx context.Context, client *api.Client) error {
		of, err := access.ParseUnit(*unit)
		if err != nil {
			return service.Refuse("nothing was issued").Todo("correct --unit").Because(err)
		}
		issue := func(o access.Order) (access.Credential, error) {
			issued, err := client.Issue(ctx, o, by.reason, c.dry)
			return issued.Access(), notIssued(err)
		}
		if *certificate != "" {
			issued, err := issueCertificate(access.Order{Unit: of, Kind: access.Certificate, Days: days}, *certificate, issue)
			if err != nil {
				return err
			}
			return c.printIssued(ctx, client, &issued, "", "")
		}
		issued, token, err := server.IssueToken(of, days, *out, c.dry, issue, func(err error) bool { return !unknownOutcome(err) })
		if err != nil {
			return err
		}
		return c.printIssued(ctx, client, &issued, token, *out)
	})
}

// unknownOutcome says that nobody knows whether a server has done what it was asked.
func unknownOutcome(err error) bool {
	p, ok := errors.AsType[*api.Problem](err)
	return ok && p.Type == api.UnknownOutcome
}

// printIssued prints a new credential, and its token, unless that is in a file.
func (c *command) printIssued(ctx context.Context, client *api.Client, issued *access.Credential, token, out string) error {
	_, zone, err := booksOf(ctx, client)
	if err != nil {
		return err
	}
	if out != "" || c.dry {
		token = "" // one of a dry run opens nothing
	}
	line := credentialLineOf(issued, zone.Location, time.Now())
	if line.Token = token; c.asJSON {
		return writeJSON(os.Stdout, line)
	}
	c.Print("credential %d lets %s in until %s; serve knows it within %s", line.Number, line.Unit, line.Expires.Format(time.DateTime), access.MaxAge.String())
	switch {
	case token != "":
		c.Print("its token, shown this once: %s", token)
	case out != "":
		c.Print("its token is in %s", out)
	}
	return nil
}

// fingerprint reads a unit's certificate. It must last as long as it is to be good.
func fingerprint(path string, days int, now time.Time) (access.Hash, error) {
	file, err := server.ReadDocument(path)
	if err != nil {
		return access.Hash{}, service.Fail("nothing was issued").Todo("name a file that can be read").Because(err)
	}
	certificate, err := access.ReadCertificate(file)
	if err == nil && certificate.NotAfter.Before(now.AddDate(0, 0, days)) {
		err = language.Textf("it ends at %s, before the %d days are over", certificate.NotAfter.UTC().Format(time.DateTime), days)
	}
	if err != nil {
		return access.Hash{}, service.Refuse("nothing was issued: %s cannot be used", path).Todo("ask the unit for its certificate; give fewer --days where it ends too early").Because(err)
	}
	return access.Fingerprint(certificate), nil
}

// issueCertificate makes a unit's certificate a credential.
func issueCertificate(order access.Order, path string, issue func(access.Order) (access.Credential, error)) (c access.Credential, err error) {
	if order.Hash, err = fingerprint(path, order.Days, time.Now()); err != nil {
		return c, err
	}
	return issue(order)
}

// notIssued says why a credential was not issued.
func notIssued(err error) error {
	if unknownOutcome(err) {
		return service.Fail("it is not known whether the credential was issued").Todo("look with citycard access list: revoke it if it is there and you do not have its token").Because(err)
	}
	return refusedBy(language.Textf("nothing was issued"), err)
}

func accessListCommand() *ffcli.Command {
	c := newCommand("access list", "", "all credentials that were ever issued, and how they stand", "")
	return c.reads(func(ctx context.Context, b *books.Books) error {
		zone, err := server.Zone(ctx, b.Ledger)
		if err != nil {
			return err
		}
		all, err := (&access.Store{Ledger: b.Ledger}).List(ctx)
		if err != nil {
			return err
		}
		lines := make([]credentialLine, len(all))
		for i := range all {
			lines[i] = credentialLineOf(&all[i], zone, time.Now())
		}
		return listAll(c, credentialHeader, credentialLine.cells, lines)
	})
}

func accessRevokeCommand() *ffcli.Command {
	c := newWithArguments("access revoke", "NUMBER --identity FILE --reason TEXT", "shut out a credential, at once and for good", 1)
	c.registerJSON("print for machines")
	var by actor
	by.register(c)
	var number int64
	c.check = func() (err error) {
		if number, err = strconv.ParseInt(c.arguments[0], 10, 64); err != nil {
			return language.Textf("%q is no number of a credential", c.arguments[0])
		}
		return by.missing()
	}
	return c.asks(true, by.identity, func(ctx context.Context, client *api.Client) error {
		_, zone, err := booksOf(ctx, client)
		if err != nil {
			return err
		}
		ended, err := client.Revoke(ctx, number, by.reason, c.dry)
		if err != nil {
			return refusedBy(language.Textf("nothing was revoked"), err)
		}
		revoked := ended.Access()
		switch line := credentialLineOf(&revoked, zone.Location, time.Now()); {
		case c.asJSON:
			return writeJSON(os.Stdout, line)
		case ended.Again:
			c.Print("credential %d of %s was revoked at %s; nothing is changed", number, line.Unit, line.Revoked.Format(time.DateTime))
		default:
			c.Print("credential %d of %s is revoked; serve lets nobody in with it after %s", number, line.Unit, access.MaxAge.String())
		}
		return nil
	})
}
