package protojson

func Format(m any) string { return "" }
