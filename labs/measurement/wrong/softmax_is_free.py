# loses: attention_flops
# why: only the products were counted; scaling and softmax are six FLOPs for each score.


def grouped_query_attention(batch, length, width, heads, kv_heads):
    if width % heads or heads % kv_heads:
        raise ValueError("heads")
    d = width // heads
    rows, scores = batch * length, batch * heads * length * length
    projections = 2 * width * width + 2 * width * kv_heads * d
    return Cost(
        2 * rows * projections + 4 * scores * d,
        projections,
        3 * rows * width + 2 * rows * kv_heads * d + scores,
    )
