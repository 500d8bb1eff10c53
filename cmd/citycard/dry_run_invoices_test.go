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

// bankWords is a file of the bank about a card that nobody was sold.
func bankWords() string {
	text := "number,state,day,sequence\n03105070200000000101,active,20260105,1\n"
	return fmt.Sprintf("%ssha256,1,%x\n", text, sha256.Sum256([]byte(text)))
}
