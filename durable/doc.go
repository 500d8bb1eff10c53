// Package durable puts whole files and folders on disk: when a call returns without an error, what
// it wrote survives a loss of power. Start with WriteFile and MkdirAll; Create is for a file that
// is written piece by piece.
//
// A file takes these steps:
//
//	open      openat(2)    a temporary file beside the file, which only its owner may read
//	write     write(2)
//	sync      fsync(2)     the content is on disk before its name is
//	close     close(2)
//	rename    renameat(2)  readers see the old file or the new one, whole; WriteNew has linkat(2)
//	sync      fsync(2)     of the directory: the new name is on disk
//
// If a call fails up to the rename, the old file is as it was. If it fails afterwards, the new file
// is in its place, and a loss of power may bring the old one back.
//
// These are not promised: order between two writers of the same file (the last rename wins); mode
// and owner of the file that was there before; anything on a disk that reports a sync which it has
// not done. A crash may leave a temporary file behind, which RemoveLeftovers removes.
//
// The package is a leaf: every room may import it.
package durable
