# loses: requests_finish_in_turn
# why: the running sum of service times takes the server to be busy from the first arrival on.


def finish_times(arrivals: Array, service: Array) -> Array:
    return arrivals[0] + np.cumsum(service)
