package crowd

import (
	"bufio"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
)

// fileWriter writes a file that takes its name when it is whole. Its errors are kept
// until the end.
type fileWriter struct {
	out *bufio.Writer
	sum uint32 // CRC-32 (IEEE) of everything so far
	err error
}

func (w *fileWriter) put(b []byte) {
	if w.err == nil {
		w.sum = crc32.Update(w.sum, crc32.IEEETable, b)
		_, w.err = w.out.Write(b)
	}
}

// replaceFile puts what write writes in place of the file at path: beside it,
// synced, renamed, and the directory synced.
func replaceFile(path string, write func(*fileWriter)) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	w := &fileWriter{out: bufio.NewWriterSize(file, 1<<18)}
	write(w)
	if err = w.err; err == nil {
		err = w.out.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
