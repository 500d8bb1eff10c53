package message

// Fixed copies a field of exactly len(dst) bytes and reports whether src had
// that length.
func Fixed(dst, src []byte) bool {
	return len(src) == len(dst) && copy(dst, src) == len(dst)
}

// FixedOrAbsent reports whether a field that may be left out has n bytes or none.
func FixedOrAbsent(src []byte, n int) bool { return len(src) == 0 || len(src) == n }
