package keys

// The S-boxes of DES (FIPS 46-3) as circuits over 64 lanes: a1..a6 are the input
// bits from the left, the results the output bits from the left. The circuits were
// found by a search over decompositions of the tables (528 gates in all); a test
// compares the cipher built from them with crypto/des.

func sbox1(a1, a2, a3, a4, a5, a6 uint64) (o1, o2, o3, o4 uint64) {
	t1 := a4 & a6
	t2 := a5 & a4
	t3 := t1 ^ t2
	t4 := a5 & t1
	t5 := a4 | a6
	t6 := (a3 ^ t3) ^ ((t4 ^ (a3 | (a5 ^ t5))) &^ a2)
	t7 := a5 &^ a6
	t8 := a3 &^ (t5 ^ t7)
	t9 := (t7 ^ (a3 & (a4 &^ t4))) ^ (a2 &^ ((t5 &^ a5) | t8))
	t10 := t6 ^ (a1 &^ t9)
	t11 := a5 &^ t1
	t12 := a6 ^ t11
	t13 := a4 ^ a6
	t14 := a5 &^ t13
	t15 := a6 &^ a5
	t16 := t5 &^ t15
	t17 := a1 &^ ((a3 | t14) ^ (((a3 | t16) &^ t2) &^ a2))
	t18 := ((t12 &^ (a3 & t3)) ^ (a2 | (a3 &^ a4))) ^ t17
	t19 := t13 ^ t15
	t20 := a6 &^ a4
	t21 := (t19 ^ (a3 &^ (a5 | t20))) ^ (a2 | ((t5 &^ t2) ^ (a3 & a6)))
	t22 := (a2 | (t12 ^ t8)) &^ ((a5 & (a4 &^ a6)) ^ (a3 & (t20 ^ t11)))
	t23 := t21 ^ (a1 & t22)
	t24 := (t19 ^ (a3 & a5)) ^ (a2 &^ ((t1 ^ t14) ^ (t15 &^ a3)))
	t25 := (t5 | (a3 & (a5 &^ t5))) ^ ((t14 ^ (a3 &^ t16)) &^ a2)
	t26 := t24 ^ (a1 & t25)
	return ^t18, ^t23, ^t10, t26
}

func sbox2(a1, a2, a3, a4, a5, a6 uint64) (o1, o2, o3, o4 uint64) {
	t1 := a5 &^ a6
	t2 := a1 & t1
	t3 := a6 &^ a5
	t4 := t3 &^ a1
	t5 := a1 | a5
	t6 := a6 ^ (a1 &^ t1)
	t7 := a2 & t6
	t8 := a5 ^ a6
	t9 := ((a1 & a5) ^ (a2 & (a1 | t3))) ^ (a3 &^ ((a1 | t8) &^ (a2 & a1)))
	t10 := ((t2 ^ (a2 &^ t4)) ^ ((t5 ^ t7) &^ a3)) ^ (a4 &^ t9)
	t11 := (a2 ^ (a1 ^ t8)) ^ (a3 & (a6 ^ (a2 &^ t2)))
	t12 := a5 & a6
	t13 := t11 ^ (a4 &^ ((a2 &^ (a6 | t2)) | (t12 &^ a3)))
	t14 := a3 &^ ((t3 ^ (a1 &^ a5)) | ((t8 &^ t4) &^ a2))
	t15 := a4 &^ ((t12 &^ a1) | (a2 & (t1 | (a1 & a6))))
	t16 := (((a1 &^ t3) ^ t7) ^ t14) ^ t15
	t17 := (t6 ^ (a2 & t5)) ^ (a3 | ((a1 & t12) | (a2 &^ (a1 | a6))))
	t18 := t17 ^ ((a2 | (a5 &^ t2)) &^ a4)
	return ^t18, ^t13, ^t10, ^t16
}

func sbox3(a1, a2, a3, a4, a5, a6 uint64) (o1, o2, o3, o4 uint64) {
	t1 := a2 ^ a6
	t2 := a4 &^ a5
	t3 := a5 | a6
	t4 := a2 &^ t3
	t5 := a5 ^ a6
	t6 := a2 & a6
	t7 := (t4 | (t5 &^ a4)) ^ (a3 &^ ((a2 | a5) &^ (t6 &^ a4)))
	t8 := ((t1 ^ t2) ^ (a3 & a5)) ^ (a1 &^ t7)
	t9 := a2 | a6
	t10 := (t5 ^ (a4 &^ (a2 & t3))) ^ ((t9 ^ t2) &^ a3)
	t11 := a5 & a6
	t12 := a5 &^ a6
	t13 := ((t3 &^ a2) ^ (a4 &^ (a5 &^ (a2 & t11)))) ^ ((t12 ^ (a4 & (t9 &^ t11))) &^ a3)
	t14 := t10 ^ (a1 | t13)
	t15 := (t1 ^ (a4 & (t5 ^ t6))) ^ (a3 &^ (a5 &^ (a4 & t11)))
	t16 := a2 ^ t11
	t17 := t15 ^ (a1 | ((t4 ^ (a4 & t16)) &^ a3))
	t18 := a2 | t12
	t19 := (t1 | (a4 &^ (a6 ^ t18))) ^ (a3 &^ (a4 | t16))
	t20 := ((a4 ^ t5) ^ (a3 & t18)) ^ (t19 &^ a1)
	return ^t20, t17, ^t14, t8
}

func sbox4(a1, a2, a3, a4, a5, a6 uint64) (o1, o2, o3, o4 uint64) {
	t1 := a1 ^ a3
	t2 := a4 ^ (a3 | a1)
	t3 := a4 &^ a1
	t4 := a1 & a4
	t5 := (t1 ^ (a5 & t2)) ^ (a2 &^ ((a3 &^ t3) ^ (t4 &^ a5)))
	t6 := ((a3 | t3) &^ (a5 & (a3 &^ t4))) ^ (a2 | ((a3 & a4) ^ (a5 &^ t2)))
	t7 := t5 ^ (a6 & t6)
	t8 := t2 ^ t1
	t9 := a1 &^ a4
	t10 := a1 | a4
	t11 := (t2 ^ (a5 & t8)) ^ (a2 & ((a3 | t9) ^ (a5 &^ t10)))
	t12 := ((a3 &^ t9) | ((t10 &^ a3) &^ a5)) ^ (a2 | ((a3 | a4) ^ (a5 | t8)))
	t13 := t11 ^ (a6 | t12)
	t14 := t11 ^ (a6 & t12)
	t15 := t5 ^ (a6 | t6)
	return t15, ^t7, ^t13, ^t14
}
