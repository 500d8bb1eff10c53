// Package monthly is the monthly-ticket purse (月票钱包) that 绿城通 cards carry besides the money: rides
// on certain modes within a period, counted down. It is published that the card has such a purse
// and that buses accept it; its layout is not. The whole layout below is therefore ours, and no
// other reader will know it.
//
// It is file 000C of the purse application (SFI 0C): four records of 32 bytes, read free. A
// terminal writes one as a part of a composite purchase (UPDATE CAPP DATA CACHE with the record's
// number as P1), so that a ride and the purse's debit, even one of zero fen, become permanent
// together; an issuer writes it with secure messaging under the key that protects records.
//
//	 0  1  version, 01; 00 is a record without ticket
//	 1  2  modes: bit n stands for industry code n of file 001E (bit 2: bus)
//	 3  4  first day, YYYYMMDD
//	 7  4  last day
//	11  2  rides sold
//	13  2  rides left
//	15  7  last ride, YYYYMMDDhhmmss, zero before the first
//	22 10  zero
package monthly
