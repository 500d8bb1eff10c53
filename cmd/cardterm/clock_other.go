//go:build !linux

package main

import "errors"

func clockIsSet() (bool, error) { return false, errors.ErrUnsupported }
