package settlement

// WriteFile puts one file into an existing folder: whole or not at all, and on
// disk when it returns.
func WriteFile(dir, name string, data []byte) error {
	if err := replace(dir, name, data); err != nil {
		return err
	}
	return syncDir(dir)
}
