package keys

import (
	"fmt"
)

// Role is the use of a key. The order of 1..13 is the order of the key entries in
// a T-Union personalisation file (data grouping B0A0); those after them are ours.
type Role uint8

// Roles of masters.
const (
	RoleCardMaster Role = iota + 1
	RoleCardMaintenance
	RoleApplicationMaster
	RoleApplicationMaintenance // line protection, external authentication
	RolePurchase
	RoleLoad
	RoleTAC
	RoleApplicationBlock
	RolePIN // unblock and reload
	RoleRecordEC
	RoleRecordEP
	RoleOverdraft // the place of the spare entry
	RoleApplicationUnblock
	RoleSocialSecurityWrite    // write the holder's data
	RoleSocialSecurityIdentity // write the person's identification
	RoleSocialSecurityPIN      // unblock and reload
	RolePersonToken
	RoleSocialSecurityRead    // read the holder's data
	RoleSocialSecurityGenuine // by which a card proves that it is genuine
	RolePersonData            // persons' names and numbers at rest
	roleEnd
)

// CardRoles are the roles of the keys on a transit card, 1..CardRoles.
const CardRoles = int(RoleApplicationUnblock)

// CardKeys are the diversified keys of one transit card: what personalisation
// writes.
type CardKeys struct {
	Version byte
	Index   byte
	keys    [CardRoles]Key
}

// Format hides the keys from every fmt verb.
func (CardKeys) Format(f fmt.State, _ rune) { hide(f, "[card keys]") }

// Key returns the key of a role, and a zero key for a role that no card has.
func (c CardKeys) Key(r Role) Key {
	if r < 1 || int(r) > CardRoles {
		return Key{}
	}
	return c.keys[r-1]
}

// Purchase is the key that purchases and composite purchases run under.
func (c CardKeys) Purchase() Key { return c.Key(RolePurchase) }

// Load is the key that loads run under.
func (c CardKeys) Load() Key { return c.Key(RoleLoad) }

// TAC is the key of transaction certificates.
func (c CardKeys) TAC() Key { return c.Key(RoleTAC) }

// Maintenance is the key of secure messaging and external authentication.
func (c CardKeys) Maintenance() Key { return c.Key(RoleApplicationMaintenance) }

// SocialSecurityKeys are the diversified keys of one social-security card.
type SocialSecurityKeys struct {
	Version  byte
	Write    Key // key 04: the holder's data
	Identity Key // key 0D: the person's identification
	PIN      Key // unblock and reload of the PIN
	Read     Key // key 0A: the holder's data
	Genuine  Key // key 00: INTERNAL AUTHENTICATE
}

// SocialSecurityMasters are the masters of social-security cards that a SAM may hold; those
// that it does not hold are zero.
type SocialSecurityMasters struct {
	Read, Write, Identity, Genuine Key
}

// SAMKeys are the masters that a SAM is made with. They let a terminal make
// MAC1 and check MAC2, and read social-security cards; they hold no load key.
type SAMKeys struct {
	Version        byte
	Purchase       Key
	Older          []PurchaseMaster // of cards made before, newest first
	SocialSecurity SocialSecurityMasters
	// TAC is zero in a terminal's module. With it a module recomputes certificates
	// (PREPARE KEY 44 00, CIPHER 05), as settlement houses do.
	TAC Key
}

// PurchaseMaster is the purchase master of one version.
type PurchaseMaster struct {
	Version  byte
	Purchase Key
}

// PurchaseOf returns the purchase master of a version, and false where the SAM has none.
func (k SAMKeys) PurchaseOf(version byte) (Key, bool) {
	if k.Version == version {
		return k.Purchase, true
	}
	for _, o := range k.Older {
		if o.Version == version {
			return o.Purchase, true
		}
	}
	return Key{}, false
}

// CardKeys derives the keys of a new card, those of the newest version.
func (s *Store) CardKeys(id CardID) CardKeys {
	f := id.Factors()
	c := CardKeys{Version: s.current.version, Index: 1}
	for r := Role(1); int(r) <= CardRoles; r++ {
		c.keys[r-1] = Diversify(s.current.masters[r], f[:]...)
	}
	return c
}

// CardKey derives one key of a transit card that was made under a version. It fails with
// ErrKeyVersion.
func (s *Store) CardKey(id CardID, version byte, r Role) (Key, error) {
	g := s.generation(version)
	if g == nil || r < 1 || int(r) > CardRoles {
		return Key{}, ErrKeyVersion
	}
	f := id.Factors()
	return Diversify(g.masters[r], f[:]...), nil
}

// SocialSecurityKeys derives the keys of a social-security card from the province's, the city's and
// the card's factor. The key with which a card proves that it is genuine is derived by all three
// levels, the others by the last two.
func (s *Store) SocialSecurityKeys(province, city, card Factor) SocialSecurityKeys {
	return SocialSecurityKeys{
		Version:  s.current.version,
		Write:    Diversify(s.current.masters[RoleSocialSecurityWrite], city, card),
		Identity: Diversify(s.current.masters[RoleSocialSecurityIdentity], city, card),
		PIN:      Diversify(s.current.masters[RoleSocialSecurityPIN], city, card),
		Read:     Diversify(s.current.masters[RoleSocialSecurityRead], city, card),
		Genuine:  Diversify(s.current.masters[RoleSocialSecurityGenuine], province, city, card),
	}
}

// SAMKeys returns the masters for a terminal's SAM: it reads social-security cards and
// proves them genuine, but writes none.
func (s *Store) SAMKeys() SAMKeys {
	k := SAMKeys{
		Version:  s.current.version,
		Purchase: s.current.masters[RolePurchase],
		SocialSecurity: SocialSecurityMasters{
			Read: s.current.masters[RoleSocialSecurityRead], Genuine: s.current.masters[RoleSocialSecurityGenuine],
		},
	}
	for _, g := range s.older {
		k.Older = append(k.Older, PurchaseMaster{g.version, g.masters[RolePurchase]})
	}
	return k
}

// IssuerSAMKeys returns the masters for the SAM of a counter that also writes
// social-security cards.
func (s *Store) IssuerSAMKeys() SAMKeys {
	k := s.SAMKeys()
	k.SocialSecurity.Write = s.current.masters[RoleSocialSecurityWrite]
	k.SocialSecurity.Identity = s.current.masters[RoleSocialSecurityIdentity]
	return k
}

// TACMaster returns the newest TAC master. The clearing process may hold TAC masters and no others.
func (s *Store) TACMaster() Key { return s.current.masters[RoleTAC] }

// PersonToken is that of the keys that clearing holds.
func (s *Store) PersonToken(idNumber string) [16]byte { return s.Held().PersonToken(idNumber) }
