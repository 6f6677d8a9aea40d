"""FastAPI on uvicorn, the model called where the request is read: with_fastapi.py MODEL PORT."""

import sys

import uvicorn
from fastapi import FastAPI, Request
from models import answered, made, read

name, port = sys.argv[1], int(sys.argv[2])
model, app = made(name), FastAPI()


@app.post("/predict")
async def predict(request: Request):
    """Without batches, as in FastAPI's own examples of models."""
    return {"y": answered(model, [read(name, await request.json())])[0]}


uvicorn.run(app, port=port, access_log=False, log_level="warning")
