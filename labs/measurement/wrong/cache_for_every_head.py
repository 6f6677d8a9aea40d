# loses: cache_holds_keys_and_values
# why: shared keys and values are kept once, which is what sharing is for.


def cache_bytes(layers, batch, length, width, heads, kv_heads, itemsize=2):
    return 2 * layers * batch * length * width * itemsize
