package crowd

import (
	"hash/crc32"
	"io"

	"citycard/durable"
)

// fileWriter writes a file that takes its name when it is whole. Its errors are kept
// until the end.
type fileWriter struct {
	out io.Writer
	sum uint32 // CRC-32 (IEEE) of everything so far
	err error
}

func (w *fileWriter) put(b []byte) {
	if w.err == nil {
		w.sum = crc32.Update(w.sum, crc32.IEEETable, b)
		_, w.err = w.out.Write(b)
	}
}

// replaceFile puts what write writes in place of the file at path, on disk.
func replaceFile(path string, write func(*fileWriter)) error {
	return durable.Write(path, func(out io.Writer) error {
		w := &fileWriter{out: out}
		write(w)
		return w.err
	})
}
