package personalisation

import (
	"fmt"

	"citycard/cardos/keys"
)

const (
	entrySize      = 19
	transitEntries = 15
	socialEntries  = 5
)

// Samples is the name of the batch whose transport key is published: simulated cards and those of
// demonstrations are of it. Cards for people never are.
const Samples = "samples"

// SampleKey is the transport key of [Samples]: the bytes 40..4F, which card makers publish for
// their samples. It protects only against mistakes: everybody has it. Blanks for people come under
// the transport key of their batch, which a key store or a token keeps (keys.Store.Transport).
func SampleKey() keys.Key {
	var k keys.Key
	for i := range k {
		k[i] = byte(0x40 + i)
	}
	return k
}

// AnswerFactors derive, from a transport key, the key that answers a blank's challenge. It is
// another one than seals, so that who chooses challenges has nothing sealed.
func AnswerFactors() []keys.Factor { return []keys.Factor{{'a', 'n', 's', 'w', 'e', 'r'}} }

// SealFactors derive, from a transport key, the key that seals keys for the blank that gave a
// challenge: what was sealed for one blank is of no use to another.
func SealFactors(challenge [8]byte) []keys.Factor {
	return []keys.Factor{{'s', 'e', 'a', 'l'}, challenge}
}

// AnswerKey is the key by AnswerFactors.
func AnswerKey(transport keys.Key) keys.Key { return keys.Diversify(transport, AnswerFactors()...) }

// SealKey is the key by SealFactors.
func SealKey(transport keys.Key, challenge [8]byte) keys.Key {
	return keys.Diversify(transport, SealFactors(challenge)...)
}

// Entry is one key as it is stored: type1 version1 algorithm1, and the key
// enciphered with the sealing key.
type Entry struct {
	Type      byte
	Version   byte
	Algorithm byte // 0 = 3DES
	Key       keys.Key
}

// keyType is the type of a transit card's key as FMCOS numbers it.
func keyType(r keys.Role) byte {
	switch r {
	case keys.RolePurchase:
		return 0x3E
	case keys.RoleLoad:
		return 0x3F
	case keys.RoleTAC:
		return 0x34
	case keys.RolePIN:
		return 0x37
	case keys.RoleOverdraft:
		return 0x3C
	case keys.RoleCardMaster, keys.RoleApplicationMaster:
		return 0x39
	default:
		return 0x36 // line protection
	}
}

// Sealed is a key that is enciphered under a sealing key, 3DES-ECB.
type Sealed [16]byte

// Seal enciphers a key.
func Seal(key, seal keys.Key) Sealed { return Sealed(seal.Encrypt(key[:])) }

// TransitGroup is the grouping with the keys of a transit card.
func TransitGroup(card keys.CardKeys, seal keys.Key) Group {
	var sealed [keys.CardRoles]Sealed
	for i := range sealed {
		sealed[i] = Seal(card.Key(keys.Role(i+1)), seal)
	}
	return SealedTransitGroup(card.Version, sealed)
}

// SealedTransitGroup is the same of keys that were enciphered before, in the order of their
// roles. The last two entries are reserved and zero.
func SealedTransitGroup(version byte, sealed [keys.CardRoles]Sealed) Group {
	b := make([]byte, 0, transitEntries*entrySize)
	for i, key := range sealed {
		b = append(append(b, keyType(keys.Role(i+1)), version, 0), key[:]...)
	}
	return Group{ID: GroupTransitKeys, Data: append(b, make([]byte, transitEntries*entrySize-len(b))...)}
}

// SocialRoles are the roles of the keys in a social-security card's grouping, in its order.
func SocialRoles() []keys.Role {
	return []keys.Role{
		keys.RoleSocialSecurityWrite, keys.RoleSocialSecurityIdentity, keys.RoleSocialSecurityPIN,
		keys.RoleSocialSecurityRead, keys.RoleSocialSecurityGenuine,
	}
}

// SocialGroup is the grouping with the keys of a social-security card, by SocialRoles.
func SocialGroup(card keys.SocialSecurityKeys, seal keys.Key) Group {
	var sealed [socialEntries]Sealed
	for i, k := range []keys.Key{card.Write, card.Identity, card.PIN, card.Read, card.Genuine} {
		sealed[i] = Seal(k, seal)
	}
	return SealedSocialGroup(card.Version, sealed)
}

// SealedSocialGroup is the same of keys that were enciphered before.
func SealedSocialGroup(version byte, sealed [socialEntries]Sealed) Group {
	b := make([]byte, 0, socialEntries*entrySize)
	for i, key := range sealed {
		b = append(append(b, [...]byte{0x39, 0x39, 0x37, 0x39, 0x34}[i], version, 0), key[:]...)
	}
	return Group{ID: GroupSocialKeys, Data: b}
}

// Entries reads the keys of a grouping: fifteen of a transit card, five of a
// social-security card.
func Entries(g Group, seal keys.Key) ([]Entry, error) {
	want := transitEntries
	if g.ID == GroupSocialKeys {
		want = socialEntries
	}
	if len(g.Data) != want*entrySize {
		return nil, fmt.Errorf("grouping %04X of %d bytes, want %d: %w", g.ID, len(g.Data), want*entrySize, ErrFormat)
	}
	all := make([]Entry, want)
	for i := range all {
		b := g.Data[i*entrySize:]
		all[i] = Entry{b[0], b[1], b[2], keys.Key(seal.Decrypt(b[3:entrySize]))}
	}
	return all, nil
}
