package medical

import "strings"

// Names lists the versions of the table, in order of date.
func (r *Rules) Names() string {
	names := make([]string, len(r.versions))
	for i, v := range r.versions {
		names[i] = v.name
	}
	return strings.Join(names, ",")
}
