module minimal

go 1.19
