module newt-tunnel/tests/lab/kubernetes/pod

go 1.25
