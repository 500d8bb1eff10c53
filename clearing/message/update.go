package message

import "fmt"

// Code is the number of a reason as headers and staff write it: 01, 02, 03, 10, 12.
func (x UpdateReason) Code() string { return fmt.Sprintf("%02x", int32(x)) }
