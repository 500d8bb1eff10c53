// Package tunion holds what is particular to a transit card of the national
// union (交通联合, JT/T 978): application names, the files 0015, 0016, 0017,
// 001A and 001E, the answers to SELECT, and card numbers. The purse itself is in
// package purse.
//
// JT/T 978 itself is not public; layouts are those that several public readers and reader firmwares
// agree on. If they differ from city to city (line and station of a journey, most of a rail record
// after the exit line), the bytes are kept unchanged. Zhengzhou's coding of institution, line and
// station was not found anywhere: it is the card issuer's data, not a constant here.
//
// Every codec is lossless: parsing a record and encoding it gives the same bytes.
package tunion
