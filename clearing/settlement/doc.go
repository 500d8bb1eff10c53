// Package settlement nets a clearing day and writes what each operator, hospital,
// fund and channel is told about it: one file each, and an index over them.
//
// A file is CSV in UTF-8 with comment lines before it and a hash after it:
//
//	# 结算文件 settlement file, layout 1
//	# 清算日 clearing day: 20261124
//	# 参与方 participant: operator:metro 郑州地铁 Zhengzhou Metro
//	# 合计 totals: 3 笔 transactions, 570 分 fen
//	# 列 columns: 交易日 day, 用途 purpose, 笔数 count, 金额(分) amount in fen
//	day,purpose,count,fen
//	20261124,metro_exit,3,570
//	total,,3,570
//	# 另列 beside, in no total: 20261124,exit_ticket,1,900
//	# sha256 <64 hexadecimal digits of the bytes above this line>
//
// In the participant's line, tabs stand between code, name and English name.
// Amounts are signed from the participant's side: positive is to be paid to it,
// negative to be collected from it. What stands beside is in no total and moves no
// money, by day and purpose: cash that an operator took itself at its desks, as these say, and what
// was charged above and below the fare tables. The layout is this
// project's own; the field tables of the national and inter-city clearing files were not found.
//
// Promises:
//
//  1. The same rows give the same bytes, in any order of rows.
//  2. A file appears whole or not at all: it is written beside its place, synced and renamed. The
//     folder is synced when all files are in their places. Only then comes the index, so an index
//     that can be read names only files that are there.
//  3. A day that was written is never overwritten by other content: somebody may
//     have paid by it. Writing the same again is harmless.
//  4. Files of two participants have two names even on a file system that does not distinguish A
//     from a: a capital is written as a plus sign and its small letter.
//  5. Reading trusts nothing: hash, totals, order and header are all checked.
package settlement
