package service

import (
	"time"
	_ "time/tzdata" // a machine may have no zone database

	"citycard/language"
)

// Zone is a flag that holds a time zone; the zero value is Asia/Shanghai.
type Zone struct{ named *time.Location }

const defaultZone = "Asia/Shanghai"

func (z *Zone) String() string {
	if z.named == nil {
		return defaultZone
	}
	return z.named.String()
}

// Set takes a name such as Asia/Shanghai.
func (z *Zone) Set(text string) error {
	location, err := time.LoadLocation(text)
	if err != nil || text == "" || text == time.Local.String() { // these two are no city's
		return language.Textf("%q is not a time zone such as %s", text, defaultZone)
	}
	z.named = location
	return nil
}

// Given reports whether the flag was given.
func (z *Zone) Given() bool { return z.named != nil }

// Location is the zone.
func (z *Zone) Location() *time.Location {
	if z.named != nil {
		return z.named
	}
	location, err := time.LoadLocation(defaultZone)
	if err != nil {
		// The offset is still right: China has had no summer time since 1991.
		return time.FixedZone(defaultZone, 8*60*60)
	}
	return location
}
