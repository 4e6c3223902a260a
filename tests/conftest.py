"""What every test may use: the lab, one for the whole session, brought up by who asks first."""

pytest_plugins = ("tests.lab.fixtures",)
