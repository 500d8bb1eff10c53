package main

import (
	"crypto/sha256"
	"fmt"
)

// invoiceReplies is a file of the invoicing system, which refuses to issue one.
func invoiceReplies() string {
	text := "channel,order,do,amount,result,invoice\ncounter,w-1,issue,50.00,refused,\n"
	return fmt.Sprintf("%ssha256,1,%x\n", text, sha256.Sum256([]byte(text)))
}
