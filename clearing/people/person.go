package people

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"citycard/language"
	"citycard/ledger"
)

// Role is what a person is there for.
type Role string

// The roles.
const (
	Clerk      Role = "clerk"      // prepares and proposes
	Supervisor Role = "supervisor" // proposes, and approves what others proposed
	Auditor    Role = "auditor"    // looks
	Keeper     Role = "keeper"     // keeps keys and people
)

// Roles are all roles.
func Roles() []Role { return []Role{Clerk, Supervisor, Auditor, Keeper} }

// Unit is whom a person works for: issuer, city or pension, or operator:, hospital: or channel: and
// the id that the registry has.
type Unit string

// The units of which there is one.
const (
	Issuer  Unit = "issuer"
	City    Unit = "city"
	Pension Unit = "pension"
)

// unitKinds are the units of which there are many.
func unitKinds() []string { return []string{"operator", "hospital", "channel"} }

// Partner reports whether the unit is an operator, a hospital or a channel.
func (u Unit) Partner() bool {
	kind, _, many := strings.Cut(string(u), ":")
	return many && slices.Contains(unitKinds(), kind)
}

var (
	idForm     = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?$`)
	unitIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`) // as the registry's
)

// ParseID reads a person's id.
func ParseID(text string) (string, error) {
	if !idForm.MatchString(text) {
		return "", deny(BadPerson, "id %q: want 1 to 32 of a to z, 0 to 9, dots and hyphens, with a letter or digit at both ends", text)
	}
	return text, nil
}

// ParseRole reads a role.
func ParseRole(text string) (Role, error) {
	if !slices.Contains(Roles(), Role(text)) {
		return "", deny(BadPerson, "role %q: want clerk, supervisor, auditor or keeper", text)
	}
	return Role(text), nil
}

// ParseUnit reads a unit.
func ParseUnit(text string) (Unit, error) {
	kind, id, many := strings.Cut(text, ":")
	switch {
	case !many && slices.Contains([]Unit{Issuer, City, Pension}, Unit(text)):
	case many && slices.Contains(unitKinds(), kind) && unitIDForm.MatchString(id):
	case many && slices.Contains(unitKinds(), kind):
		return "", deny(BadPerson, "unit %q: want the id of the %s as the registry has it: 1 to 32 letters, digits, - or _", text, kind)
	default:
		return "", deny(BadPerson, "unit %q: want issuer, city, pension, operator:ID, hospital:ID or channel:ID", text)
	}
	return Unit(text), nil
}

// Form is the same for ids that look alike: a zero and an o, a one and an l, a dot and a hyphen.
// Nobody gets an id whose form somebody else has.
func Form(id string) string {
	return strings.NewReplacer("0", "o", "1", "l", "-", ".", "rn", "m", "vv", "w").Replace(id)
}

// Person is one of the staff.
type Person struct {
	ID       string
	Name     string
	Unit     Unit
	Role     Role
	Revision int64 // 1 with the enrolment, one more with each change
	Since    time.Time
	Ended    time.Time  // when disabled; zero before
	Demo     bool       // enrolled by a demonstration
	Service  bool       // it is a program: it proposes and looks, and never approves
	Key      PublicKey  // that is in force, or was last; of a person who was read from the store
	Stands   []Standing // in for whom, now or later; of a person who was read from the store
	Odd      error      // why a listed person's row cannot be read: somebody altered it
}

// Disabled reports whether the person was disabled.
func (p *Person) Disabled() bool { return !p.Ended.IsZero() }

// validate checks what a person is to be, and gives the name in the form in which it is kept.
func (p *Person) validate() (err error) {
	if _, err = ParseID(p.ID); err != nil {
		return err
	}
	if p.Name, err = ledger.Person(p.Name); err != nil {
		return deny(BadPerson, "%w", err)
	}
	if _, err = ParseUnit(string(p.Unit)); err != nil {
		return err
	}
	if _, err = ParseRole(string(p.Role)); err != nil {
		return err
	}
	if p.Service && p.Role != Clerk {
		return deny(BadPerson, "a service that is %s: a service proposes and looks, so it is a clerk", string(p.Role))
	}
	if p.Role == Keeper && p.Unit != Issuer {
		return deny(BadPerson, "a keeper of %s: keepers are the issuer's", string(p.Unit))
	}
	return nil
}

// Why is the kind of a refusal.
type Why string

// The kinds of refusal.
const (
	BadStatement Why = "statement cannot be read"
	BadSignature Why = "signature is wrong"
	BadKey       Why = "key cannot be used"
	BadPerson    Why = "no such person can be"
	BadToken     Why = "token is not valid"
	UnknownKey   Why = "key belongs to nobody"
	EndedKey     Why = "key is no longer in force"
	Disabled     Why = "person is disabled"
	OtherBooks   Why = "statement is of other books"
	OtherAct     Why = "statement is of another act"
	OtherPerson  Why = "statement is of another person"
	OtherTime    Why = "statement is of another time"
	Used         Why = "statement was used before"
	TakenID      Why = "id is taken"
	TakenKey     Why = "key is taken"
	NotThere     Why = "no such person"
	Moved        Why = "person has changed"
	Founded      Why = "people are founded"
	TooFew       Why = "too few keepers would be left"
	OwnCase      Why = "nobody approves what concerns them"
	BadFile      Why = "key file cannot be used"
	NoAgent      Why = "agent does not sign"
)

// Refusal says why an act, a key or a person is refused, and what to do.
type Refusal struct {
	Why Why
	*language.Text
	Todo *language.Text // nil: the text says it
}

func deny(why Why, format string, args ...any) *Refusal {
	return &Refusal{Why: why, Text: language.Textf(format, args...)}
}

func (r *Refusal) todo(format string, args ...any) *Refusal {
	r.Todo = language.Textf(format, args...)
	return r
}
