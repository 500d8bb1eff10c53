package keys

// lanes are 64 DES blocks side by side. As rows, word i is block i; as columns
// (after transpose), word j holds bit j of every block, the left-most bit being
// bit 0, and the block of lane i sits at bit 63-i of each word.
type lanes [64]uint64

// transpose turns rows into columns and back.
func (a *lanes) transpose() {
	mask := uint64(0x00000000FFFFFFFF)
	for j := 32; j != 0; j >>= 1 {
		for k := 0; k < 64; k = (k + j + 1) &^ j {
			t := (a[k] ^ a[(k+j)&63]>>j) & mask
			a[k] ^= t
			a[(k+j)&63] ^= t << j
		}
		mask ^= mask << (j >> 1)
	}
}

func (a *lanes) xor(b *lanes) {
	for i := range a {
		a[i] ^= b[i]
	}
}

// schedule says, for each of DES's 16 rounds, which bit of the key (0 is the left-most) each of the
// 48 bits of the round key is. In columns this table is the whole key schedule.
type schedule [16][48]uint8

// newSchedule works the schedule out from FIPS 46-3: PC-1, the rotations, PC-2.
func newSchedule() *schedule {
	pc1 := [56]uint8{
		57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
		63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
	}
	pc2 := [48]uint8{
		14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
		41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
	}
	var s schedule
	turned := 0
	for round := range s {
		turned += 2
		if round == 0 || round == 1 || round == 8 || round == 15 {
			turned--
		}
		for j, p := range pc2 {
			half, place := (int(p)-1)/28*28, (int(p)-1)%28
			s[round][j] = pc1[half+(place+turned)%28] - 1
		}
	}
	return &s
}

// crypt enciphers (or deciphers) 64 blocks in columns, each with its own key in
// columns.
func (s *schedule) crypt(key, block *lanes, decipher bool) {
	var l, r [32]uint64
	for i := range 32 { // initial permutation
		l[i] = block[initial(i)]
		r[i] = block[initial(i+32)]
	}
	left, right := &l, &r
	for n := range 16 {
		round := n
		if decipher {
			round = 15 - n
		}
		feistel(left, right, key, &s[round])
		left, right = right, left
	}
	for i := range 32 { // the halves swapped, and the permutation undone
		block[initial(i)] = right[i]
		block[initial(i+32)] = left[i]
	}
}

// initial is the bit that DES's initial permutation puts at place i.
func initial(i int) int {
	start := 57 + i/8*2
	if i >= 32 {
		start = 56 + (i/8-4)*2
	}
	return (start - i%8*8) & 63
}

// feistel adds one round's function of r to l: expansion, key, S-boxes and permutation P. In
// columns a permutation is only a choice of words.
func feistel(l, r *[32]uint64, k *lanes, s *[48]uint8) {
	o1, o2, o3, o4 := sbox1(r[31]^k[s[0]&63], r[0]^k[s[1]&63], r[1]^k[s[2]&63],
		r[2]^k[s[3]&63], r[3]^k[s[4]&63], r[4]^k[s[5]&63])
	l[8] ^= o1
	l[16] ^= o2
	l[22] ^= o3
	l[30] ^= o4
	o1, o2, o3, o4 = sbox2(r[3]^k[s[6]&63], r[4]^k[s[7]&63], r[5]^k[s[8]&63],
		r[6]^k[s[9]&63], r[7]^k[s[10]&63], r[8]^k[s[11]&63])
	l[12] ^= o1
	l[27] ^= o2
	l[1] ^= o3
	l[17] ^= o4
	o1, o2, o3, o4 = sbox3(r[7]^k[s[12]&63], r[8]^k[s[13]&63], r[9]^k[s[14]&63],
		r[10]^k[s[15]&63], r[11]^k[s[16]&63], r[12]^k[s[17]&63])
	l[23] ^= o1
	l[15] ^= o2
	l[29] ^= o3
	l[5] ^= o4
	o1, o2, o3, o4 = sbox4(r[11]^k[s[18]&63], r[12]^k[s[19]&63], r[13]^k[s[20]&63],
		r[14]^k[s[21]&63], r[15]^k[s[22]&63], r[16]^k[s[23]&63])
	l[25] ^= o1
	l[19] ^= o2
	l[9] ^= o3
	l[0] ^= o4
	o1, o2, o3, o4 = sbox5(r[15]^k[s[24]&63], r[16]^k[s[25]&63], r[17]^k[s[26]&63],
		r[18]^k[s[27]&63], r[19]^k[s[28]&63], r[20]^k[s[29]&63])
	l[7] ^= o1
	l[13] ^= o2
	l[24] ^= o3
	l[2] ^= o4
	o1, o2, o3, o4 = sbox6(r[19]^k[s[30]&63], r[20]^k[s[31]&63], r[21]^k[s[32]&63],
		r[22]^k[s[33]&63], r[23]^k[s[34]&63], r[24]^k[s[35]&63])
	l[3] ^= o1
	l[28] ^= o2
	l[10] ^= o3
	l[18] ^= o4
	o1, o2, o3, o4 = sbox7(r[23]^k[s[36]&63], r[24]^k[s[37]&63], r[25]^k[s[38]&63],
		r[26]^k[s[39]&63], r[27]^k[s[40]&63], r[28]^k[s[41]&63])
	l[31] ^= o1
	l[11] ^= o2
	l[21] ^= o3
	l[6] ^= o4
	o1, o2, o3, o4 = sbox8(r[27]^k[s[42]&63], r[28]^k[s[43]&63], r[29]^k[s[44]&63],
		r[30]^k[s[45]&63], r[31]^k[s[46]&63], r[0]^k[s[47]&63])
	l[4] ^= o1
	l[26] ^= o2
	l[14] ^= o3
	l[20] ^= o4
}
