package rules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// node is a value of a document as it is written, so that it can be written wrongly.
type node struct {
	open  byte     // '{', '[', or 0 for a leaf
	leaf  string   // as it is written
	names []string // of an object's fields, in their order
	inner []*node
}

// parse reads a document.
func parse(t testing.TB, text []byte) *node {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value func() *node
	value = func() *node {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		open, isOpen := token.(json.Delim)
		if !isOpen {
			leaf, err := json.Marshal(token)
			if err != nil {
				t.Fatal(err)
			}
			return &node{leaf: string(leaf)}
		}
		n := &node{open: byte(open)}
		for decoder.More() {
			if open == '{' {
				name, err := decoder.Token()
				if err != nil {
					t.Fatal(err)
				}
				n.names = append(n.names, name.(string))
			}
			n.inner = append(n.inner, value())
		}
		if _, err := decoder.Token(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	return value()
}

// text writes the document, one leaf a line, so that a line is a place.
func (n *node) text() []byte {
	var out bytes.Buffer
	n.write(&out)
	return out.Bytes()
}

func (n *node) write(out *bytes.Buffer) {
	if n.open == 0 {
		out.WriteString(n.leaf)
		return
	}
	out.WriteByte(n.open)
	for i, inner := range n.inner {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		if n.open == '{' {
			out.WriteString(strconv.Quote(n.names[i]) + ": ")
		}
		inner.write(out)
	}
	out.WriteByte(n.open + 2) // the closing sign
}

func (n *node) clone() *node {
	c := &node{open: n.open, leaf: n.leaf, names: slices.Clone(n.names)}
	for _, inner := range n.inner {
		c.inner = append(c.inner, inner.clone())
	}
	return c
}

// set becomes another value.
func (n *node) set(leaf string) { *n = node{leaf: leaf} }

// find is the field or row of that name, and its index; nil if there is none.
func (n *node) find(step string) (*node, int) {
	if n.open == '[' {
		if i, err := strconv.Atoi(step); err == nil && i < len(n.inner) {
			return n.inner[i], i
		}
		return nil, 0
	}
	if i := slices.Index(n.names, step); i >= 0 {
		return n.inner[i], i
	}
	return nil, 0
}

var steps = regexp.MustCompile(`[^.\[\]]+`)

// at is the value at a place; it must be there.
func (n *node) at(place string) *node {
	for _, step := range steps.FindAllString(place, -1) {
		next, _ := n.find(step)
		if next == nil {
			panic("no " + place)
		}
		n = next
	}
	return n
}

// split is the place of what holds a place, and the field's or row's name in it.
func split(place string) (holder, last string) {
	i := strings.LastIndexAny(place, ".[")
	return place[:max(i, 0)], strings.TrimSuffix(place[i+1:], "]")
}

// remove takes the value at a place away.
func (n *node) remove(place string) {
	holder, last := split(place)
	h := n.at(holder)
	_, i := h.find(last)
	h.inner = slices.Delete(h.inner, i, i+1)
	if h.open == '{' {
		h.names = slices.Delete(h.names, i, i+1)
	}
}

// add appends a row to a list.
func (n *node) add(place string, row *node) {
	h := n.at(place)
	h.inner = append(h.inner, row)
}

// double has a field twice, the second time with another value.
func (n *node) double(place, leaf string) {
	holder, last := split(place)
	h := n.at(holder)
	value, i := h.find(last)
	second := value.clone()
	if leaf != "" {
		second.set(leaf)
	}
	h.names = slices.Insert(h.names, i+1, last)
	h.inner = slices.Insert(h.inner, i+1, second)
}

// rename gives a field another name.
func (n *node) rename(place, name string) {
	holder, last := split(place)
	h := n.at(holder)
	_, i := h.find(last)
	h.names[i] = name
}

// walk visits each value but the root with its place.
func (n *node) walk(place string, visit func(place string, n *node)) {
	for i, inner := range n.inner {
		at := fmt.Sprintf("%s[%d]", place, i)
		if n.open == '{' {
			at = strings.TrimPrefix(place+"."+n.names[i], ".")
		}
		visit(at, inner)
		inner.walk(at, visit)
	}
}
