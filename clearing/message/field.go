package message

// Fixed copies a field of exactly len(dst) bytes and reports whether src had
// that length.
func Fixed(dst, src []byte) bool {
	return len(src) == len(dst) && copy(dst, src) == len(dst)
}
