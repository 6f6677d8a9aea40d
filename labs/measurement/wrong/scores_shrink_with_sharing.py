# loses: attention_flops, attention_memory
# why: each query head has scores of its own, also against shared keys.


def grouped_query_attention(batch, length, width, heads, kv_heads):
    if width % heads or heads % kv_heads:
        raise ValueError("heads")
    d = width // heads
    rows, scores = batch * length, batch * kv_heads * length * length
    projections = 2 * width * width + 2 * width * kv_heads * d
    return Cost(
        2 * rows * projections + 4 * scores * d + 6 * scores,
        projections,
        3 * rows * width + 2 * rows * kv_heads * d + scores,
    )
