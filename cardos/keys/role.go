package keys

import (
	"encoding/hex"
	"fmt"
)

// roleNames are the names of roles, by role.
var roleNames = [roleEnd]string{
	RoleCardMaster: "card master", RoleCardMaintenance: "card maintenance", RoleApplicationMaster: "application master",
	RoleApplicationMaintenance: "application maintenance", RolePurchase: "purchase", RoleLoad: "load", RoleTAC: "TAC",
	RoleApplicationBlock: "application block", RolePIN: "PIN", RoleRecordEC: "record, electronic cash",
	RoleRecordEP: "record, purse", RoleOverdraft: "overdraft", RoleApplicationUnblock: "application unblock",
	RoleSocialSecurityWrite: "social security, write", RoleSocialSecurityIdentity: "social security, identity",
	RoleSocialSecurityPIN: "social security, PIN", RolePersonToken: "tokens", RoleSocialSecurityRead: "social security, read",
	RoleSocialSecurityGenuine: "social security, genuine", RolePersonData: "persons' data",
}

// String is the name of the role.
func (r Role) String() string {
	if r < 1 || r >= roleEnd {
		return fmt.Sprintf("role %d", uint8(r))
	}
	return roleNames[r]
}

// Roles are all roles.
func Roles() []Role {
	all := make([]Role, 0, roleEnd-1)
	for r := Role(1); r < roleEnd; r++ {
		all = append(all, r)
	}
	return all
}

// Rotates reports whether a rotation makes a new master of the role.
func (r Role) Rotates() bool { return int(r) <= CardRoles || r == RolePersonData }

// CheckValueSize is the length of a check value in bytes.
const CheckValueSize = 3

// CheckValue tells masters apart without revealing them: eight zeros enciphered under the key that
// the master gives for a factor of zeros, the left three bytes in hexadecimal. Unlike the usual
// check value, which enciphers zeros under the master itself, a token can compute it with a master
// that may only derive. Parity bits do not matter.
func CheckValue(master Key) string {
	return hex.EncodeToString(Diversify(master, Factor{}).Encrypt(make([]byte, 8))[:CheckValueSize])
}

// Masters gives the masters of all generations, the oldest first, for the move into a token. An
// error of give ends it.
func (s *Store) Masters(give func(version byte, masters map[Role]Key) error) error {
	all := append([]generation{s.current}, s.older...)
	for i := len(all) - 1; i >= 0; i-- {
		masters := map[Role]Key{}
		for _, r := range Roles() {
			masters[r] = all[i].masters[r]
		}
		if err := give(all[i].version, masters); err != nil {
			return err
		}
	}
	return nil
}
