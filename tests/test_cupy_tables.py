"""The tables of functions, modules and optimizers again, with minigrad's tensors on "cuda"."""
import functools

import pytest
import test_functions
import test_linalg
import test_nn_amp
import test_nn_attention
import test_nn_convolution
import test_nn_derived
import test_nn_layers
import test_nn_packed
import test_nn_recurrent
import test_nn_resample
import test_nn_sampling
import test_nn_tables
import test_optim
import test_statistics
import test_surface
from gpu import places

import minigrad
from minigrad.backends.arrays import moved

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore::RuntimeWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]
AGAIN = {
    test_functions: "values gradients", test_linalg: "equals_torch values_without_gradient",
    test_nn_amp: "dtypes_and_values training a_weight_is_cast_once the_scale_falls_and_grows",
    test_nn_attention: "equals_torch", test_nn_convolution: "equals_torch",
    test_nn_derived: "training removal_and_state_dicts lazy_chains",
    test_nn_layers: "results_and_gradients float32_results running_statistics",
    test_nn_packed: "padding_and_packing recurrent_modules_over_packed_sequences",
    test_nn_recurrent: "layers cells", test_nn_resample: "equals_torch",
    test_nn_sampling: "reading second_gradients affine_places a_spatial_transformer",
    test_nn_tables: "modules activations_over_a_line in_place parameters_as_a_vector precisions "
                    "weights_of_losses",
    test_optim: "fifty_steps other_dtypes settings_change_while_training tensor_learning_rate data_assigned "
                "load_state_dict_in_both_directions deepcopy_and_pickle group_added_late tied_parameters",
    test_statistics: "equals_torch values",
}
# What programs call that says where a tensor is, shares memory with an array, draws in the GPU's stream or
# writes what a further package reads: test_cupy_devices.py and test_cupy_face.py look at those of a device.
APART = set("""
    torch.from_numpy torch.device torch.cuda.is_available torch.cuda.device_count torch.normal torch.bernoulli
    torch.multinomial torch.nn.functional.gumbel_softmax Tensor.device Tensor.cpu Tensor.to Tensor.type
    Module.to torch.utils.data.WeightedRandomSampler torch.distributions.Categorical
    torch.utils.tensorboard.SummaryWriter""".split()) | {
        "Tensor format(x)", "Tensor repr(x)"}


# What torch before 2.13 has not, or does otherwise, by what its errors say: arguments of norms, a derivative,
# Adagrad's state of a group that came late, how truncated normal numbers are drawn.
NEWER = ("unexpected keyword argument 'bias'", "derivative for aten::aminmax is not", "'sum'",
         "trunc_normal_")
OLDER = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13)


def where_torch_has_it(test):
    """The GPU's machine has a torch of its own, which may be older than the one whose names are ours."""
    @functools.wraps(test)
    def run(*args, **named):
        try:
            return test(*args, **named)
        except (AssertionError, KeyError, RuntimeError, TypeError) as error:
            if not OLDER or not any([text in str(error) for text in NEWER]):
                raise
            pytest.skip(f"torch {torch.__version__}: {str(error).strip().splitlines()[0]}")
    return run


for _room, _names in AGAIN.items():
    for _name in _names.split():
        globals()[f"{_room.__name__}_{_name}"] = where_torch_has_it(getattr(_room, f"test_{_name}"))


@pytest.fixture(autouse=True)
def _cuda(request, monkeypatch):
    """Arrays become tensors on the GPU, and come back when asked for. Weights and masks are drawn from the
    CPU's stream, which is torch's."""
    with places.cuda(request):
        on_cpu, as_numpy = minigrad.from_numpy, minigrad.Tensor.numpy
        mask = minigrad.random.dropout_mask
        monkeypatch.setattr(minigrad, "from_numpy", lambda array: on_cpu(array).to("cuda"))
        monkeypatch.setattr(minigrad.Tensor, "numpy", lambda self, *, force=False: as_numpy(self, force=True))
        monkeypatch.setattr(minigrad.random, "stream",
                            lambda generator=None, place="cpu": generator or minigrad.default_generator)
        monkeypatch.setattr(minigrad.random, "dropout_mask", lambda *how: moved(mask(*how), "cuda"))
        for B in (minigrad, torch):             # what a module prints is its own business, and its version's
            monkeypatch.setattr(B.nn.Module, "__repr__", lambda self: type(self).__name__)
        minigrad.set_default_device("cuda")
        yield


@pytest.mark.parametrize("name", [name for name in test_surface.CALLS if name not in APART])
@where_torch_has_it
def test_what_programs_call(name):
    test_surface.test_name(name)
