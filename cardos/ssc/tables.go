package ssc

// The files of version 2 as a public file table gives them: tag, coding, length.

func an(tag Tag, size int) Column { return Column{Tag: tag, Kind: Text, Size: size} }
func cn(tag Tag, size int) Column { return Column{Tag: tag, Kind: Digits, Size: size} }
func bin(size int) Column         { return Column{Kind: Bytes, Size: size} }

// nested is a B-TLV of parts.
func nested(tag Tag, parts ...Column) Column {
	c := Column{Tag: tag, Kind: Nested, Parts: parts}
	for _, p := range parts {
		c.Size += 2 + p.Size
	}
	return c
}

func tagged(id uint16, columns ...Column) Table {
	return Table{ID: id, Shape: Tagged, Guard: ByPINOrKey, Columns: columns}
}

func rotating(id uint16, rows int, columns ...Column) Table {
	return Table{ID: id, Shape: Cyclic, Guard: ByPINOrKey, Columns: columns, Rows: rows}
}

func publicTables() []Table {
	address := nested(0x40, an(0x57, 3), cn(0x58, 3), an(0x59, 0x28))
	tables := []Table{
		tagged(0xEF05, an(0x20, 2), an(0x21, 0x50), cn(0x0E, 3)),
		tagged(0xEF06, an(0x23, 0x50), cn(0x24, 3), an(0x28, 0x0F), an(0x2C, 0x32), an(0x2D, 0x0F)),
		tagged(0xEF07, an(0x29, 1), cn(0x2A, 1)),
		tagged(0xEF08, an(0x2B, 1)),
		tagged(0xEF09, an(0x2E, 0x46), an(0x30, 9), an(0x32, 2)),
		tagged(0xEF0A, an(0x37, 3), an(0x38, 2), cn(0x39, 4)),
		tagged(0xEF15, cn(0x2A, 1), address, address, address),
	}
	for id := uint16(0xEF16); id <= 0xEF1A; id++ {
		tables = append(tables, Table{ID: id, Shape: Transparent, Guard: Free, Size: 0x128})
	}
	return tables
}

func employmentTables() []Table {
	return []Table{
		tagged(0xEF05, an(0x42, 3), an(0x41, 3),
			nested(0x43, an(0x5A, 7), an(0x5B, 1), an(0x5C, 0x46), cn(0x5D, 4), an(0x5E, 0x10)),
			nested(0x44, an(0x33, 3), an(0x34, 0x46), cn(0x35, 4), an(0x36, 0x10))),
		tagged(0xEF06, cn(0x4C, 4), an(0x4B, 5), cn(0x4D, 3), cn(0x60, 4), an(0x4F, 6), cn(0x50, 3), an(0x3A, 7)),
		rotating(0xEF07, 4, an(0, 7), cn(0, 4), cn(0, 4), an(0, 0x46)),
		tagged(0xEF09, an(0x55, 0x10), an(0x56, 0x46), cn(0x96, 4), cn(0x97, 3)),
		tagged(0xEF15, nested(0x99, an(0x10, 3), cn(0x11, 4), cn(0x12, 3)), cn(0x0F, 4), cn(0x1F, 3)),
		rotating(0xEF16, 4, an(0, 3), cn(0, 4), cn(0, 4), cn(0, 4), cn(0, 3)),
	}
}

func insuranceTables() []Table {
	unit := nested(0x4A, an(0x13, 2), an(0x14, 1), an(0x15, 0x14), cn(0x16, 4), an(0x17, 0x3C))
	return []Table{
		tagged(0xEF05, cn(0x61, 3), cn(0x60, 4), cn(0x98, 4), cn(0x62, 4), an(0x63, 3), an(0x64, 3), an(0x65, 3), an(0x66, 3)),
		tagged(0xEF06, an(0x45, 0x14), an(0x46, 2), an(0x47, 2), an(0x48, 1), an(0x49, 1), cn(0x67, 4), an(0x6B, 0x3C), unit, unit, unit),
		tagged(0xEF07, an(0x70, 3), cn(0x71, 3), cn(0x6E, 4), cn(0x6C, 4), cn(0x6F, 4), cn(0x73, 4)),
		tagged(0xEF15, cn(0x7A, 3), cn(0x7B, 4), cn(0x7C, 4)),
		tagged(0xEF16, cn(0x51, 3), an(0x5F, 1)),
		tagged(0xEF17, an(0x3B, 0x14), an(0x3C, 0x46), an(0x3D, 1), cn(0x3E, 4), an(0x3F, 0x3C)),
		tagged(0xEF18, an(0x74, 3), cn(0x75, 3), cn(0x76, 1), cn(0x77, 4), cn(0x78, 4)),
		tagged(0xEF19, nested(0x79, an(0x18, 3), cn(0x19, 3), cn(0x1A, 4), cn(0x1B, 4), Column{Tag: 0x1C, Kind: Digits, Size: 4}, an(0x1D, 3), cn(0x1E, 4)),
			cn(0x75, 3), cn(0x76, 1), cn(0x77, 4), cn(0x78, 4)),
	}
}

func medicalTables() []Table {
	return []Table{
		tagged(0xEF05, an(0x81, 8), cn(0x84, 3), an(0x87, 0x11), cn(0x8C, 1), cn(0x80, 4), an(0x8B, 0x1D), an(0x8A, 0x0F),
			an(0x83, 9), an(0x86, 9), an(0x89, 9), an(0x7D, 9), an(0x7E, 9), an(0x7F, 9), an(0x8D, 9), an(0x8E, 9), an(0x8F, 1)),
		{ID: 0xEF06, Shape: Tagged, Guard: ByPINAndKey, Columns: []Column{
			an(0x90, 1), {Tag: 0x92, Kind: Digits, Size: 4}, an(0x93, 2),
		}},
		medicalCosts(30),
		rotating(0xEF15, 8, bin(2), an(0, 1)),
	}
}

// medicalCosts is the cyclic file of settlements: serial2 kind1 and, as the table
// gives them, digits6 digits7 and three numbers of four bytes.
func medicalCosts(rows int) Table {
	return rotating(0xEF08, rows, bin(2), an(0, 1), cn(0, 6), cn(0, 7), bin(4), bin(4), bin(4))
}

func seventhTables() []Table {
	return []Table{
		tagged(0xEF05, an(0xF0, 2), an(0xF1, 1), cn(0xF2, 4), an(0xF3, 3), cn(0xF4, 4)),
		tagged(0xEF06, an(0xF5, 3), cn(0xF6, 4), an(0xF7, 0x46)),
		tagged(0xEF07, cn(0xF8, 4), an(0xF9, 1)),
	}
}
