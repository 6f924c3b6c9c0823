"""An earthquake desk: routes a week of real seismic events, alerts of the strong ones, counts by region."""
