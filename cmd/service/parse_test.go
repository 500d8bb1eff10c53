package service

import "testing"

func TestKeyAndValue(t *testing.T) {
	tests := []struct{ line, name, value string }{
		{"", "", "true"},
		{"   \r", "", "true"},
		{"# all of it", "", "true"},
		{"  # all of it", "", "true"},
		{"kafka 10.0.0.5:9092", "kafka", "10.0.0.5:9092"},
		{"--kafka\t10.0.0.5:9092  ", "kafka", "10.0.0.5:9092"},
		{"once", "once", "true"},
		{"once # why", "once", "true"},
		{"db postgres://h/d#fragment", "db", "postgres://h/d#fragment"},
		{"data a dir\t# why", "data", "a dir"},
		{"data 城市卡\r", "data", "城市卡"},
	}
	for _, test := range tests {
		if name, value := keyAndValue(test.line); name != test.name || value != test.value {
			t.Errorf("%q: %q %q, want %q %q", test.line, name, value, test.name, test.value)
		}
	}
}
